package ipcmd

import (
	"bufio"
	"io"
	"strings"
)

// maxBatchWords bounds the words of a line of a batch (MAX_ARGS).
const maxBatchWords = 511

// runBatch carries out the lines of a file, or of the standard input for "-"
// (utils.c: do_batch). A command that ends the tool ends the batch.
func (s *session) runBatch(file string) int {
	in := s.In
	if file != "-" {
		f, err := s.Open(file)
		if err != nil {
			s.errorf("Cannot open file \"%s\" for reading: %s\n", file, strerror(err))
			return 1
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	s.batch = true
	r := batchReader{in: bufio.NewReader(in), s: s}
	status := 0
	for {
		line, ok := r.command()
		if !ok {
			return status
		}
		words := s.batchWords(line)
		if len(words) == 0 {
			continue
		}
		if s.command(words[0], words[1:]) == 0 {
			continue
		}
		s.errorf("Command failed %s:%d\n", file, r.line)
		status = 1
		if !s.opt.force {
			return status
		}
	}
}

type batchReader struct {
	in   *bufio.Reader
	s    *session
	line int
}

// command returns the next line, with those that continue it, without comments
// (getcmdline).
func (r *batchReader) command() (string, bool) {
	text, ok := r.next()
	if !ok {
		return "", false
	}
	for {
		head, _, more := strings.Cut(text, "\\\n")
		if !more {
			return text, true
		}
		rest, ok := r.next()
		if !ok {
			r.s.errorf("Missing continuation line\n")
			return "", false
		}
		text = head + rest
	}
}

// next returns a line with its newline, up to the first comment sign.
func (r *batchReader) next() (string, bool) {
	text, err := r.in.ReadString('\n')
	if err != nil && (err != io.EOF || text == "") {
		return "", false
	}
	r.line++
	text, _, _ = strings.Cut(text, "#")
	return text, true
}

// batchWords splits a line into words, which may be quoted at their beginning
// (makeargs).
func (s *session) batchWords(line string) (words []string) {
	const blanks = " \t\r\n"
	for {
		line = strings.TrimLeft(line, blanks)
		if line == "" {
			return words
		}
		if len(words) >= maxBatchWords {
			s.errorf("Too many arguments to command\n")
			panic(exit(1))
		}
		if line[0] == '\'' || line[0] == '"' {
			word, rest, ok := strings.Cut(line[1:], line[:1])
			if !ok {
				s.errorf("Unterminated quoted string\n")
				panic(exit(1))
			}
			words, line = append(words, word), rest
			continue
		}
		end := strings.IndexAny(line, blanks)
		if end < 0 {
			return append(words, line)
		}
		words, line = append(words, line[:end]), line[end+1:]
	}
}
