package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rulewalk/rulewalk/internal/cli"
	"github.com/rulewalk/rulewalk/lab/shim/interrupt"
)

var update = flag.Bool("update", false, "write what the scripts' golden files should be")

func TestMain(m *testing.M) {
	if status, ok := interrupt.Main(); ok {
		os.Exit(status)
	}
	// A script's rulewalk is this very program under that name.
	if name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"); name != "rulewalk" {
		if err := enterNamespace(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	testscript.Main(m, map[string]func(){"rulewalk": func() { os.Exit(cli.Main()) }})
}

// commands are the scripts' own commands.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"status": status,
	"width":  width,
}

// status runs rulewalk and wants an exit status: status N ARG...
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N ARG...")
	}
	err := ts.Exec("rulewalk", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("status %s, want %s", got, args[0])
	}
}

// width wants every line of the last output to fit 80 columns.
func width(ts *testscript.TestScript, _ bool, _ []string) {
	for _, line := range strings.Split(ts.ReadFile("stdout"), "\n") {
		if n := len([]rune(line)); n > 80 {
			ts.Fatalf("%d columns: %s", n, line)
		}
	}
}

func TestFiles(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/files", Cmds: commands, UpdateScripts: *update,
	})
}
