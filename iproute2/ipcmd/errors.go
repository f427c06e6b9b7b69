package ipcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/rulewalk/rulewalk/rtnl"
)

// print writes to standard output.
func (s *session) print(text string) { _, _ = s.out.WriteString(text) }

func (s *session) printf(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format, args...) }

// errorf writes to standard error.
func (s *session) errorf(format string, args ...any) { _, _ = fmt.Fprintf(s.err, format, args...) }

// The functions below end the tool as those of the same name in iproute2's utils.c
// do. A message of iproute2's may end in a newline of its own.

// usage ends with a usage text.
func (s *session) usage(text string) {
	s.errorf("%s", text)
	panic(exit(255))
}

func (s *session) incomplete() {
	s.errorf("Command line is not complete. Try option \"help\"\n")
	panic(exit(255))
}

func (s *session) invarg(msg, arg string) {
	s.errorf("Error: argument \"%s\" is wrong: %s\n", arg, msg)
	panic(exit(255))
}

func (s *session) duparg(key, arg string) {
	s.errorf("Error: duplicate \"%s\": \"%s\" is the second value.\n", key, arg)
	panic(exit(255))
}

func (s *session) duparg2(key, arg string) {
	garbage := "garbage"
	if s.Version < Version7 {
		garbage = "a garbage"
	}
	s.errorf("Error: either \"%s\" is duplicate, or \"%s\" is %s.\n", key, arg, garbage)
	panic(exit(255))
}

// nodev says that a device does not exist, and returns the status for that.
func (s *session) nodev(name string) int {
	s.errorf("Cannot find device \"%s\"\n", name)
	return 1
}

// unknownCommand ends the tool for a word that is no command of an object.
func (s *session) unknownCommand(word, object string) {
	s.errorf("Command \"%s\" is unknown, try \"ip %s help\".\n", word, object)
	panic(exit(255))
}

// refused says why a request failed, and returns the status for that: 2.
func (s *session) refused(err error) int {
	var e *rtnl.Error
	switch {
	case !errors.As(err, &e):
		s.errorf("Cannot talk to rtnetlink: %s\n", strerror(err))
	case e.Msg != "":
		s.errorf("Error: %s.\n", strings.TrimSuffix(e.Msg, "."))
	default:
		s.errorf("RTNETLINK answers: %s\n", e.Errno.Error())
	}
	return 2
}

// strerror returns the text of an error of a system call as C prints it.
func strerror(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, os.ErrPermission):
		return "Permission denied"
	}
	text := err.Error()
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
