package snapshot

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// sectionMark starts the headline of a section of a supportconfig file
// (#==[ Command ]===...); the next line shows the command.
const sectionMark = "#==["

// isSupportconfig tells a supportconfig file by the headline of a section.
func isSupportconfig(head []byte) bool {
	return bytes.HasPrefix(head, []byte(sectionMark)) || bytes.Contains(head, []byte("\n"+sectionMark))
}

// supportconfig reads the sections of a file of supportconfig that hold output of ip,
// sysctl or uname (spec iproute2 15.2). The same command twice is read once.
func (l *loader) supportconfig(r io.Reader, d document) error {
	sc := sectioner{r: bufio.NewReader(r)}
	done := map[string]bool{}
	for {
		command, err := sc.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fileError(d.name, err)
		}
		words := strings.Fields(command)
		if len(words) > 0 {
			words[0] = words[0][strings.LastIndexByte(words[0], '/')+1:]
		}
		command = strings.Join(words, " ")
		if done[command] || !wantedCommand(words) && command != "uname -a" && (command != "sysctl -a" || d.foreign) {
			continue
		}
		done[command] = true
		part := d
		part.format, part.command, part.line = FormatText, command, sc.line
		if err := l.document(&sc, part); err != nil {
			return err
		}
	}
	return nil
}

// sectioner cuts a supportconfig file into sections. As an io.Reader it yields the
// body of the present one.
type sectioner struct {
	r    *bufio.Reader
	line int // lines read
	rest []byte
	cont bool // in the middle of a line
	end  bool // at a headline or the end of the file
}

// next skips to the next section and returns the line under its headline, without
// the # before it.
func (s *sectioner) next() (string, error) {
	if _, err := io.Copy(io.Discard, s); err != nil {
		return "", err
	}
	s.end = false
	if _, err := s.readLine(); err != nil { // the headline
		return "", err
	}
	line, err := s.readLine()
	if err != nil && err != io.EOF {
		return "", err
	}
	command, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "#")
	if !ok {
		return "", nil
	}
	return strings.TrimSpace(command), nil
}

// readLine reads a line and returns its start, up to the size of the buffer.
func (s *sectioner) readLine() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	first := bytes.Clone(line)
	for err == bufio.ErrBufferFull {
		_, err = s.r.ReadSlice('\n')
	}
	s.line++
	if len(first) > 0 && err == io.EOF {
		err = nil
	}
	return first, err
}

func (s *sectioner) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.end {
			return 0, io.EOF
		}
		if !s.cont {
			if head, _ := s.r.Peek(len(sectionMark)); string(head) == sectionMark {
				s.end = true
				return 0, io.EOF
			}
		}
		chunk, err := s.r.ReadSlice('\n')
		if len(chunk) == 0 {
			return 0, err
		}
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return 0, err
		}
		if s.cont = chunk[len(chunk)-1] != '\n'; !s.cont {
			s.line++
		}
		s.rest = chunk
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
