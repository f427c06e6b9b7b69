package hostcmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

func init() { register(httpdCommand, "httpd") }

const httpdUsage = `Usage: httpd [-1] [-p PORT] [-b ADDR] [-d DIR | TEXT]

A small web server. It answers every request with TEXT, or with the files of DIR; without
either, with a line that says who asked whom.

 -1         end after one request
 -p PORT    listen on this port (default 80)
 -b ADDR    listen on this address (default: all)
 -d DIR     answer with the files of this folder
`

// httpd is one call of the web server.
type httpd struct {
	env     *Env
	once    bool
	at      netip.AddrPort
	dir     string
	text    string
	open    sync.WaitGroup
	logging sync.Mutex
}

// httpdCommand is a web server, so that there is something to get.
func httpdCommand(ctx context.Context, env *Env, args []string) int {
	d := &httpd{env: env, at: netip.AddrPortFrom(netip.IPv6Unspecified(), 80)}
	opts, words, err := parseOptions(args, "1b:d:hp:", "help")
	for _, o := range opts {
		switch o.name {
		case "1":
			d.once = true
		case "b":
			var a netip.Addr
			if a, err = env.Host.Resolve(o.value, 0); err != nil {
				return env.Failf(1, "%v", err)
			}
			d.at = netip.AddrPortFrom(a, d.at.Port())
		case "d":
			d.dir = o.value
		case "p":
			p, err := parsePort(o.value)
			if err != nil {
				return env.Failf(1, "port %s: not a port", o.value)
			}
			d.at = netip.AddrPortFrom(d.at.Addr(), p)
		case "h", "help":
			fmt.Fprint(env.Stdout, httpdUsage)
			return 0
		}
	}
	if err != nil || len(words) > 0 && d.dir != "" {
		if err != nil {
			env.Failf(1, "%v", err)
		}
		fmt.Fprint(env.Stderr, httpdUsage)
		return 1
	}
	if len(words) > 0 {
		d.text = strings.Join(words, " ") + "\n"
	}
	return d.serve(ctx)
}

func (d *httpd) serve(ctx context.Context) int {
	l, err := d.env.Host.Stack.ListenTCP("tcp", d.at, stack.Options{Device: d.env.Device, Command: "httpd", PID: d.env.PID})
	if err != nil {
		return d.env.Failf(1, "%s: %s", d.at, reason(err))
	}
	defer d.open.Wait()
	defer func() { _ = l.Close() }()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			if ctx.Err() != nil {
				return 0
			}
			return d.env.Failf(1, "accept: %s", reason(err))
		}
		if d.once {
			d.answer(ctx, c)
			return 0
		}
		d.open.Add(1)
		go func() {
			defer d.open.Done()
			d.answer(ctx, c)
		}()
	}
}

// answer serves one connection: request after request.
func (d *httpd) answer(ctx context.Context, c *stack.TCPConn) {
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		status, size := d.reply(c, r)
		d.log(c, r, status, size)
		if r.Close || d.once {
			return
		}
	}
}

// reply writes the answer to one request.
func (d *httpd) reply(c *stack.TCPConn, r *http.Request) (status, size int) {
	status, body := d.document(c, r)
	resp := &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(body)), Close: r.Close || d.once,
		Header: http.Header{
			"Server": {"rulewalk"}, "Date": {d.env.Host.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {http.DetectContentType([]byte(body))},
		},
		Body: io.NopCloser(strings.NewReader(body)),
	}
	_ = resp.Write(c)
	return status, len(body)
}

// document is what a request asks for.
func (d *httpd) document(c *stack.TCPConn, r *http.Request) (status int, body string) {
	switch {
	case d.dir == "" && d.text != "":
		return http.StatusOK, d.text
	case d.dir == "":
		return http.StatusOK, fmt.Sprintf("%s asked %s for %s\n", c.RemoteAddr(), c.LocalAddr(), r.URL.Path)
	}
	name := path.Join("/", r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/") {
		name = path.Join(name, "index.html")
	}
	f, err := d.env.Open(d.dir + name)
	if err == nil {
		defer func() { _ = f.Close() }()
		var b []byte
		if b, err = io.ReadAll(f); err == nil {
			return http.StatusOK, string(b)
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return http.StatusForbidden, "Forbidden\n"
	}
	return http.StatusNotFound, "Not Found\n"
}

// log writes a line in the common log format.
func (d *httpd) log(c *stack.TCPConn, r *http.Request, status, size int) {
	d.logging.Lock()
	defer d.logging.Unlock()
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	stamp := d.env.Host.Now().Format("02/Jan/2006:15:04:05 -0700")
	fmt.Fprintf(d.env.Stdout, "%s - - [%s] %q %d %s\n", host, stamp, r.Method+" "+r.URL.RequestURI()+" "+r.Proto, status, strconv.Itoa(size))
}

// fileReason is what perror would say of an error of a file.
func fileReason(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{{fs.ErrNotExist, "No such file or directory"}, {fs.ErrPermission, "Permission denied"}} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return err.Error()
}
