package hostcmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(curlCommand, "curl") }

const curlUsage = `Usage: curl [options...] <url>...
 -4, -6                      Use IPv4, IPv6
 -A, --user-agent <name>     Send User-Agent <name> to server
     --connect-timeout <s>   Maximum time allowed for connection
 -d, --data <data>           HTTP POST data
 -f, --fail                  Fail fast with no output on HTTP errors
 -H, --header <header>       Pass custom header to server
 -h, --help                  Get help
 -I, --head                  Show document info only
 -i, --include               Include response headers in the output
     --interface <name>      Use this device or address
     --local-port <num>      Use this local port
 -L, --location              Follow redirects
 -m, --max-time <seconds>    Maximum time allowed for transfer
 -o, --output <file>         Write to file instead of stdout
 -O, --remote-name           Write output to file named as remote file
     --resolve <host:port:addr>  Address of a host's name
 -S, --show-error            Show error even when -s is used
 -s, --silent                Silent mode
 -v, --verbose               Make the operation more talkative
 -V, --version               Show version number and quit
 -w, --write-out <format>    Write %{variables} after completion
 -X, --request <method>      Request command to use
`

// Exit statuses of curl.
const (
	curlProtocol = 1
	curlUsageBad = 2
	curlURL      = 3
	curlResolve  = 6
	curlConnect  = 7
	curlWeird    = 1 // the server does not speak HTTP
	curlPartial  = 18
	curlHTTP     = 22
	curlWrite    = 23
	curlTimeout  = 28
	curlBind     = 45
	curlRedirect = 47
	curlNoReply  = 52
	curlReceive  = 56
)

const curlRedirects = 50

// curl is one call of curl, with the options and words of version 7.88.
type curl struct {
	env  *Env
	ctx  context.Context
	opts stack.Options

	silent, showErrors, include, head, verbose, follow, fail, remoteName bool
	family                                                               int
	output, method, agent, format, bindTo                                string
	data                                                                 []string
	headers                                                              []string
	maxTime, connectTime                                                 time.Duration
	addresses                                                            map[string]netip.Addr // of --resolve, by host:port

	curlResult
}

// curlResult is what -w tells.
type curlResult struct {
	start, connected     time.Time
	code, size, redirect int
	local, remote        netip.AddrPort
	contentType, final   string
}

// curlError is an error of a transfer.
type curlError struct {
	status int
	text   string
}

func (e *curlError) Error() string { return fmt.Sprintf("(%d) %s", e.status, e.text) }

func curlFail(status int, format string, args ...any) error {
	return &curlError{status, fmt.Sprintf(format, args...)}
}

// curlCommand gets documents by HTTP.
func curlCommand(ctx context.Context, env *Env, args []string) int {
	c := &curl{env: env, ctx: ctx, opts: stack.Options{Device: env.Device, Command: "curl", PID: env.PID}, agent: "curl/7.88.1", addresses: map[string]netip.Addr{}}
	urls, err := c.parse(args)
	var failed *curlError
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(env.Stdout, curlUsage)
		return 0
	case errors.Is(err, errVersion):
		fmt.Fprintln(env.Stdout, "curl 7.88.1 (Rulewalk)\nProtocols: http")
		return 0
	case errors.As(err, &failed):
		return env.Failf(failed.status, "%v", failed)
	case err != nil:
		return env.Failf(curlUsageBad, "%v\ncurl: try 'curl --help' or 'curl --manual' for more information", err)
	case len(args) == 0:
		fmt.Fprintln(env.Stderr, "curl: try 'curl --help' or 'curl --manual' for more information")
		return curlUsageBad
	case len(urls) == 0:
		return env.Failf(curlUsageBad, "no URL specified!\ncurl: try 'curl --help' or 'curl --manual' for more information")
	}
	status := 0
	for _, u := range urls {
		err := c.get(u)
		if ctx.Err() != nil {
			return 130
		}
		if status = 0; errors.As(err, &failed) {
			status = failed.status
			if !c.silent || c.showErrors {
				env.Failf(0, "%v", failed)
			}
		}
		fmt.Fprint(env.Stdout, c.writeOut())
	}
	return status
}

func (c *curl) parse(args []string) ([]string, error) {
	opts, words, err := parseOptions(args, "46A:d:fgH:hIiLkm:No:OqSsvVw:X:Z",
		"user-agent=", "connect-timeout=", "data=", "fail", "header=", "help", "head", "include", "interface=", "local-port=",
		"location", "max-time=", "output=", "remote-name", "resolve=", "show-error", "silent", "verbose", "version",
		"write-out=", "request=", "http1.1", "ipv4", "ipv6", "insecure", "no-buffer")
	if err != nil {
		for _, a := range args {
			if strings.HasPrefix(a, "-") && strings.Contains(err.Error(), strings.TrimLeft(a, "-")) {
				return nil, fmt.Errorf("option %s: is unknown", a)
			}
		}
		return nil, err
	}
	for _, o := range opts {
		if err := c.option(o); err != nil {
			return nil, err
		}
	}
	return words, nil
}

func (c *curl) option(o option) error {
	seconds := func(to *time.Duration) error {
		f, err := strconv.ParseFloat(o.value, 64)
		if err != nil || f < 0 {
			return fmt.Errorf("option %s: expected a proper numerical parameter", o.name)
		}
		*to = time.Duration(f * float64(time.Second))
		return nil
	}
	switch o.name {
	case "4", "ipv4":
		c.family = 4
	case "6", "ipv6":
		c.family = 6
	case "A", "user-agent":
		c.agent = o.value
	case "connect-timeout":
		return seconds(&c.connectTime)
	case "d", "data":
		c.data = append(c.data, o.value)
	case "f", "fail":
		c.fail = true
	case "H", "header":
		c.headers = append(c.headers, o.value)
	case "h", "help":
		return errHelp
	case "I", "head":
		c.head = true
	case "i", "include":
		c.include = true
	case "interface":
		c.bindTo = o.value
	case "local-port":
		p, err := parsePort(o.value)
		if err != nil {
			return fmt.Errorf("option --local-port: expected a proper numerical parameter")
		}
		c.opts.Local = netip.AddrPortFrom(netip.Addr{}, p)
	case "L", "location":
		c.follow = true
	case "m", "max-time":
		return seconds(&c.maxTime)
	case "o", "output":
		c.output = o.value
	case "O", "remote-name":
		c.remoteName = true
	case "resolve":
		host, rest, _ := strings.Cut(o.value, ":")
		port, addr, _ := strings.Cut(rest, ":")
		a, err := netip.ParseAddr(strings.Trim(addr, "[]"))
		if err != nil {
			return curlFail(49, "Couldn't parse CURLOPT_RESOLVE entry '%s'", o.value)
		}
		c.addresses[host+":"+port] = a
	case "S", "show-error":
		c.showErrors = true
	case "s", "silent":
		c.silent = true
	case "v", "verbose":
		c.verbose = true
	case "V", "version":
		return errVersion
	case "w", "write-out":
		c.format = o.value
	case "X", "request":
		c.method = o.value
	}
	return nil
}

// get gets one document, and those that it redirects to.
func (c *curl) get(word string) error {
	c.curlResult = curlResult{start: c.env.Host.Now()}
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	if c.maxTime > 0 {
		defer c.env.Host.AfterFunc(c.maxTime, func() { cancel(rpdb.ETIMEDOUT) })()
	}
	if !strings.Contains(word, "://") {
		word = "http://" + word
	}
	u, err := url.Parse(word)
	if err != nil || u.Host == "" {
		return curlFail(curlURL, "URL using bad/illegal format or missing URL")
	}
	for {
		next, err := c.one(ctx, u)
		if err != nil || next == nil {
			return err
		}
		if c.redirect++; c.redirect > curlRedirects {
			return curlFail(curlRedirect, "Maximum (%d) redirects followed", curlRedirects)
		}
		u = next
	}
}

// one makes one request; next is where the answer points to, if that is to be followed.
func (c *curl) one(ctx context.Context, u *url.URL) (next *url.URL, err error) {
	if u.Scheme != "http" {
		return nil, curlFail(curlProtocol, "Protocol %q not supported or disabled in libcurl", u.Scheme)
	}
	c.final = u.String()
	conn, err := c.connect(ctx, u)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	method, request := c.request(u)
	c.trace("> ", request)
	body := strings.Join(c.data, "&")
	if _, err := io.WriteString(conn, request+body); err != nil {
		return nil, c.broken(ctx, err)
	}
	in := bufio.NewReader(conn)
	head, err := c.readHead(in)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(head), in)), &http.Request{Method: method})
	if err != nil {
		return nil, curlFail(curlWeird, "Received HTTP/0.9 when not allowed")
	}
	c.trace("< ", head)
	c.code, c.contentType = resp.StatusCode, resp.Header.Get("Content-Type")
	if c.fail && c.code >= 400 {
		return nil, curlFail(curlHTTP, "The requested URL returned error: %d", c.code)
	}
	if to := resp.Header.Get("Location"); c.follow && c.code/100 == 3 && to != "" {
		next, err = u.Parse(to)
		if err != nil {
			return nil, curlFail(curlURL, "URL using bad/illegal format or missing URL")
		}
	}
	if err := c.save(ctx, u, head, resp.Body, next != nil); err != nil {
		return nil, err
	}
	c.talk("* Closing connection %d", c.redirect)
	return next, nil
}

// request is the head of the request.
func (c *curl) request(u *url.URL) (method, text string) {
	method = c.method
	switch {
	case method != "":
	case c.head:
		method = "HEAD"
	case c.data != nil:
		method = "POST"
	default:
		method = "GET"
	}
	lines := []string{"Host: " + u.Host, "User-Agent: " + c.agent, "Accept: */*"}
	if c.data != nil {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(strings.Join(c.data, "&"))), "Content-Type: application/x-www-form-urlencoded")
	}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ":")
		kept := lines[:0:0]
		for _, l := range lines {
			if !strings.HasPrefix(strings.ToLower(l), strings.ToLower(name)+":") {
				kept = append(kept, l)
			}
		}
		if lines = kept; strings.TrimSpace(value) != "" {
			lines = append(lines, h)
		}
	}
	target := u.RequestURI()
	return method, method + " " + target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// readHead reads the head of an answer as it comes.
func (c *curl) readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		switch {
		case err != nil && head.Len() > 0:
			return head.String(), nil
		case err != nil:
			return "", err
		case strings.TrimRight(line, "\r\n") == "" || head.Len() > 1<<20:
			return head.String(), nil
		}
	}
}

// save writes the document where it belongs.
func (c *curl) save(ctx context.Context, u *url.URL, head string, body io.Reader, skip bool) error {
	out := c.env.Stdout
	name := c.output
	if c.remoteName {
		if name = path.Base(u.Path); name == "/" || name == "." {
			return curlFail(curlWrite, "Remote file name has no length!")
		}
	}
	if name != "" && name != "-" {
		f, err := c.env.Create(name)
		if err != nil {
			fmt.Fprintf(c.env.Stderr, "Warning: Failed to open the file %s: %s\n", name, fileReason(err))
			return curlFail(curlWrite, "Failure writing output to destination")
		}
		defer func() { _ = f.Close() }()
		out = f
	}
	if c.include || c.head {
		if _, err := io.WriteString(out, head); err != nil {
			return curlFail(curlWrite, "Failure writing output to destination")
		}
	}
	if skip || c.head {
		return nil
	}
	n, err := io.Copy(out, body)
	c.size = int(n)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return curlFail(curlPartial, "transfer closed with outstanding read data remaining")
	}
	return c.broken(ctx, err)
}

// broken is what curl says of a connection that ended too early.
func (c *curl) broken(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), rpdb.ETIMEDOUT):
		return curlFail(curlTimeout, "Operation timed out after %d milliseconds with %d bytes received", c.elapsed(), c.size)
	case errors.Is(err, io.EOF):
		return curlFail(curlNoReply, "Empty reply from server")
	}
	return curlFail(curlReceive, "Recv failure: %s", reason(err))
}

// elapsed is how long it took up to now, in milliseconds.
func (c *curl) elapsed() int64 { return c.env.Host.Now().Sub(c.start).Milliseconds() }

// connect opens the connection to the host of a URL.
func (c *curl) connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	name, port := u.Hostname(), uint16(80)
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return nil, curlFail(curlURL, "URL using bad/illegal format or missing URL")
		}
		port = uint16(n)
	}
	addr, ok := c.addresses[fmt.Sprintf("%s:%d", name, port)]
	if !ok {
		var err error
		if addr, err = c.env.Host.Resolve(name, c.family); err != nil {
			return nil, curlFail(curlResolve, "Could not resolve host: %s", name)
		}
	}
	o, err := c.bound(addr)
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(addr, port)
	c.talk("*   Trying %s...", at)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.connectTime > 0 {
		defer c.env.Host.AfterFunc(c.connectTime, func() { cancel(rpdb.EAGAIN) })()
	}
	conn, err := c.env.Host.Stack.DialTCP(ctx, "tcp", at, o)
	if err != nil {
		return nil, c.refused(ctx, name, port, addr, err)
	}
	c.connected = c.env.Host.Now()
	c.local, c.remote = conn.LocalAddr().(*net.TCPAddr).AddrPort(), at
	c.talk("* Connected to %s (%s) port %d (#%d)", name, addr, port, c.redirect)
	return conn, nil
}

// refused is what curl says when a connection does not come about.
func (c *curl) refused(ctx context.Context, name string, port uint16, addr netip.Addr, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, rpdb.ETIMEDOUT) {
		return curlFail(curlTimeout, "Connection timed out after %d milliseconds", c.elapsed())
	}
	var call *stack.Error
	if errors.As(err, &call) && call.Call == "bind" {
		return curlFail(curlBind, "bind failed with errno %d: %s", int(call.Errno), call.Errno.Error())
	}
	status, why := curlConnect, "Couldn't connect to server"
	if errors.Is(cause, rpdb.EAGAIN) {
		status, why = curlTimeout, "Timeout was reached"
		c.talk("* %s connect timeout after %dms, move on!", map[bool]string{true: "ipv4", false: "ipv6"}[addr.Is4()], c.connectTime.Milliseconds())
	} else {
		c.talk("* connect to %s port %d failed: %s", addr, port, reason(err))
	}
	text := fmt.Sprintf("Failed to connect to %s port %d after %d ms: %s", name, port, c.elapsed(), why)
	c.talk("* %s\n* Closing connection 0", text)
	return curlFail(status, "%s", text)
}

// bound are the options of the socket: --interface binds it to a device or an address.
func (c *curl) bound(to netip.Addr) (stack.Options, error) {
	o := c.opts
	port := o.Local.Port()
	source := rpdb.FamilyOf(to).Zero()
	if c.bindTo != "" {
		if a, err := netip.ParseAddr(c.bindTo); err == nil {
			source = a
		} else if l, ok := c.env.Host.Link(0, c.bindTo); ok {
			o.Device = l.Index
		} else {
			return o, curlFail(curlBind, "Couldn't bind to '%s'", c.bindTo)
		}
	}
	o.Local = netip.AddrPort{}
	if port != 0 || !source.IsUnspecified() {
		o.Local = netip.AddrPortFrom(source, port)
	}
	return o, nil
}

// talk writes a line of -v, trace lines of a head.
func (c *curl) talk(format string, args ...any) {
	if c.verbose {
		fmt.Fprintf(c.env.Stderr, format+"\n", args...)
	}
}

func (c *curl) trace(sign, head string) {
	if c.verbose {
		var b bytes.Buffer
		for line := range strings.SplitAfterSeq(strings.TrimSuffix(head, "\n"), "\n") {
			b.WriteString(sign + line)
		}
		fmt.Fprintf(c.env.Stderr, "%s\n", b.String())
	}
}

// writeOut is the text of -w.
func (c *curl) writeOut() string {
	if c.format == "" {
		return ""
	}
	address := func(a netip.AddrPort) (string, string) {
		if !a.IsValid() {
			return "", "0"
		}
		return a.Addr().String(), strconv.Itoa(int(a.Port()))
	}
	seconds := func(t time.Time) string {
		if t.IsZero() {
			return "0.000000"
		}
		return fmt.Sprintf("%.6f", t.Sub(c.start).Seconds())
	}
	remote, remotePort := address(c.remote)
	local, localPort := address(c.local)
	code := fmt.Sprintf("%03d", c.code)
	pairs := []string{
		`\n`, "\n", `\t`, "\t", `\r`, "\r", "%%", "%",
		"%{http_code}", code, "%{response_code}", code, "%{remote_ip}", remote, "%{remote_port}", remotePort,
		"%{local_ip}", local, "%{local_port}", localPort, "%{size_download}", strconv.Itoa(c.size),
		"%{time_total}", seconds(c.env.Host.Now()), "%{time_connect}", seconds(c.connected),
		"%{num_redirects}", strconv.Itoa(c.redirect), "%{content_type}", c.contentType, "%{url_effective}", c.final,
	}
	return strings.NewReplacer(pairs...).Replace(c.format)
}
