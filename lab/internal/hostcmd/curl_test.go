package hostcmd

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

func TestCurl(t *testing.T) {
	w := pair(t)
	w.create("www/x.txt")
	w.files["www/x.txt"].WriteString("hello\n")
	ctx, cancel := context.WithCancel(context.Background())
	files := w.start(ctx, "b", "httpd -d www", strings.NewReader(""))
	text := w.start(ctx, "b", "httpd -p 8080 -b 10.0.0.2 some text", strings.NewReader(""))
	w.bound("b", 2)
	for _, test := range []struct{ line, want string }{
		{"curl http://10.0.0.2/x.txt", "hello\nstatus 0\n"},
		{"curl -s [fd00::2]/x.txt", "hello\nstatus 0\n"},
		{`curl -s -o y -w %{http_code}\s%{remote_ip}:%{remote_port}\s%{local_ip}\s%{size_download}\n http://10.0.0.2/x.txt`, "200\\s10.0.0.2:80\\s10.0.0.1\\s6\nstatus 0\n"},
		{"curl -sI http://10.0.0.2:8080/", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: text/plain; charset=utf-8\r\nDate: DATE\r\nServer: rulewalk\r\n\r\nstatus 0\n"},
		{"curl -s -X POST -d a=b http://10.0.0.2:8080/", "some text\nstatus 0\n"},
		{"curl -sS http://10.0.0.2:81/", "curl: (7) Failed to connect to 10.0.0.2 port 81 after 0 ms: Couldn't connect to server\nstatus 7\n"},
		{"curl -s http://192.0.2.1/", "status 7\n"},
		{"curl -sSf http://10.0.0.2/none", "curl: (22) The requested URL returned error: 404\nstatus 22\n"},
		{"curl http://nowhere.test/", "curl: (6) Could not resolve host: nowhere.test\nstatus 6\n"},
		{"curl --resolve nowhere.test:80:10.0.0.2 nowhere.test/x.txt", "hello\nstatus 0\n"},
		{"curl -m 1 http://10.0.0.9/", "curl: (28) Connection timed out after 1000 milliseconds\nstatus 28\n"},
		{"curl --connect-timeout 1 http://10.0.0.9/", "curl: (28) Failed to connect to 10.0.0.9 port 80 after 1000 ms: Timeout was reached\nstatus 28\n"},
		{"curl --interface v9 http://10.0.0.2/", "curl: (45) Couldn't bind to 'v9'\nstatus 45\n"},
		{"curl --interface 10.0.0.9 http://10.0.0.2/", "curl: (45) bind failed with errno 99: Cannot assign requested address\nstatus 45\n"},
		{"curl --interface v0 http://10.0.0.2/x.txt", "hello\nstatus 0\n"},
		{"curl foo://x/", "curl: (1) Protocol \"foo\" not supported or disabled in libcurl\nstatus 1\n"},
		{"curl --nosuch", "curl: option --nosuch: is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information\nstatus 2\n"},
		{"curl -sv http://10.0.0.2:8080/", "some text\n*   Trying 10.0.0.2:8080...\n* Connected to 10.0.0.2 (10.0.0.2) port 8080 (#0)\n" +
			"> GET / HTTP/1.1\r\n> Host: 10.0.0.2:8080\r\n> User-Agent: curl/7.88.1\r\n> Accept: */*\r\n> \r\n" +
			"< HTTP/1.1 200 OK\r\n< Content-Length: 10\r\n< Content-Type: text/plain; charset=utf-8\r\n< Date: DATE\r\n< Server: rulewalk\r\n< \r\n* Closing connection 0\nstatus 0\n"},
	} {
		got := regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(w.run("a", test.line).String(), "Date: DATE")
		if got != test.want {
			t.Errorf("%s\n%q\nwant\n%q", test.line, got, test.want)
		}
	}
	cancel()
	files()
	if r := text(); !strings.Contains(r.out, `10.0.0.1 - - [`) || !strings.Contains(r.out, `"POST / HTTP/1.1" 200 10`) || r.status != 0 {
		t.Error(r)
	}
}

// TestCurlNoReply gets from a server that says nothing.
func TestCurlNoReply(t *testing.T) {
	w := pair(t)
	wait := w.start(context.Background(), "b", "nc -N -l 10.0.0.2 80", strings.NewReader(""))
	w.bound("b", 1)
	if r := w.run("a", "curl -sS http://10.0.0.2/"); r.String() != "curl: (52) Empty reply from server\nstatus 52\n" {
		t.Error(r)
	}
	wait()
	ctx, cancel := context.WithCancel(context.Background())
	wait = w.start(ctx, "b", "nc -d -l -k 10.0.0.2 80", strings.NewReader(""))
	w.bound("b", 1)
	if r := w.run("a", "curl -sS -m 2 http://10.0.0.2/"); r.String() != "curl: (28) Operation timed out after 2000 milliseconds with 0 bytes received\nstatus 28\n" {
		t.Error(r)
	}
	cancel()
	wait()
}
