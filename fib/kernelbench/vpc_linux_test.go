package kernelbench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rulewalk/rulewalk/fib"
	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
)

func TestMain(m *testing.M) { testns.Main(m) }

// podBase and dstBase are the first addresses of the sources and destinations.
const (
	podBase = 10 << 24
	dstBase = 198<<24 | 18<<16
	dstMask = 1<<17 - 1
)

func addr(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

// router makes a namespace that forwards, with n rules as AWS VPC CNI writes them:
// half to a pod, one fwmark, half from a pod to a table of its own with a default
// route.
func router(t testing.TB, n int) *testns.NS {
	ns := testns.New(t)
	if err := ns.Sysctl("net/ipv4/ip_forward", "1"); err != nil {
		t.Skip("sysctls cannot be written: ", err)
	}
	var b strings.Builder
	for _, line := range []string{
		"link set lo up", "link add v0 type veth peer name v1", "link set v0 up", "link set v1 up",
		"addr add 192.0.2.1/24 dev v0", "route add default via 192.0.2.254", "route add 198.18.0.0/15 via 192.0.2.254",
	} {
		fmt.Fprintln(&b, line)
	}
	for i := range n {
		switch {
		case i < n/2:
			fmt.Fprintf(&b, "rule add pref 512 to %s lookup main\n", addr(podBase+uint32(i)))
		case i == n/2:
			fmt.Fprintln(&b, "rule add pref 1024 fwmark 0x80/0x80 lookup main")
		default:
			fmt.Fprintf(&b, "rule add pref 1536 from %s lookup %d\n", addr(podBase+uint32(i-n/2-1)), 1000+i)
			fmt.Fprintf(&b, "route add default via 192.0.2.254 table %d\n", 1000+i)
		}
	}
	file := filepath.Join(t.TempDir(), "batch")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := ns.Run("ip", "-batch", file); err != nil {
		t.Skip("ip cannot set the namespace up: ", out, err)
	}
	return ns
}

// program looks a packet up that a random pod sends, so that it matches a random one of
// the rules from pods, as a packet that arrived on a device,
// without a look at neighbours. Without lookup it does all but that.
func program(ifindex, pods int, lookup bool) asm.Instructions {
	const (
		params    = -64 // struct bpf_fib_lookup
		skipNeigh = 4   // BPF_FIB_LOOKUP_SKIP_NEIGH
		inet      = 2
	)
	is := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R1, 0)}
	for at := int16(params); at < 0; at += 8 {
		is = append(is, asm.StoreMem(asm.RFP, at, asm.R1, asm.DWord))
	}
	is = append(is,
		asm.StoreImm(asm.RFP, params, inet, asm.Byte),
		asm.StoreImm(asm.RFP, params+8, int64(ifindex), asm.Word),
		asm.FnGetPrandomU32.Call(),
		asm.Mod.Imm32(asm.R0, int32(pods)),
		asm.Add.Imm32(asm.R0, podBase),
		asm.HostTo(asm.BE, asm.R0, asm.Word),
		asm.StoreMem(asm.RFP, params+16, asm.R0, asm.Word),
		asm.FnGetPrandomU32.Call(),
		asm.And.Imm32(asm.R0, dstMask),
		asm.LoadImm(asm.R1, dstBase, asm.DWord),
		asm.Or.Reg32(asm.R0, asm.R1),
		asm.HostTo(asm.BE, asm.R0, asm.Word),
		asm.StoreMem(asm.RFP, params+32, asm.R0, asm.Word),
		asm.Mov.Imm(asm.R0, 0),
	)
	if lookup {
		is = append(is,
			asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, params),
			asm.Mov.Imm(asm.R3, 64), asm.Mov.Imm(asm.R4, skipNeigh), asm.FnFibLookup.Call())
	}
	return append(is, asm.Return())
}

// runner runs a program many times; want is the value that it must return.
type runner struct {
	ns   *testns.NS
	prog *ebpf.Program
}

func load(t testing.TB, ns *testns.NS, is asm.Instructions) *runner {
	r := &runner{ns: ns}
	err := ns.Do(func() (err error) {
		r.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: is, License: "GPL"})
		return err
	})
	if errors.Is(err, os.ErrPermission) {
		t.Skip("no permission to load a BPF program: run as root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.prog.Close() })
	return r
}

// cpuTime returns the time that this thread has run (CLOCK_THREAD_CPUTIME_ID). That of
// getrusage counts in ticks of the scheduler.
func cpuTime() time.Duration {
	const threadCPUTime = 3
	var t syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(t.Nano())
}

// time returns the nanoseconds of one run.
func (r *runner) time(t testing.TB, repeat int) float64 {
	var d time.Duration
	err := r.ns.Do(func() error {
		ret, each, err := r.prog.Benchmark(make([]byte, 64), repeat, nil)
		if err == nil && ret != 0 {
			err = fmt.Errorf("bpf_fib_lookup returned %d", ret)
		}
		d = each
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return float64(d.Nanoseconds())
}

// times returns the nanoseconds of one turn of a loop that makes n.
func times(n int, loop func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at := cpuTime()
	loop()
	return float64((cpuTime() - at).Nanoseconds()) / float64(n)
}

// BenchmarkVPC measures one lookup through the rules: bpf_fib_lookup in the running
// kernel, less what its program costs without it, and FIB.Find on the state of the same
// namespace, by turns; the least time counts. Every lookup of either is for a random pod
// and destination; those of Find stand in a list of 2^20, and are read from it at Find's
// cost. The kernel leaves out the time in which its program does not run, and so does this.
func BenchmarkVPC(b *testing.B) {
	for _, n := range []int{0, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ns := router(b, n)
			conn, err := kernel.Dial(kernel.Config{NetNS: ns.Path()})
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			st, err := conn.State(nil)
			if err != nil {
				b.Fatal(err)
			}
			live, err := fib.NewLive(st)
			if err != nil {
				b.Fatal(err)
			}
			f := live.Load()
			in := f.Database().LinkByName("v1").Index
			pods := max(n/2-1, 1)
			looks, idles := load(b, ns, program(in, pods, true)), load(b, ns, program(in, pods, false))
			flows := make([]struct{ src, dst netip.Addr }, 1<<20)
			k := rpdb.Key{Family: rpdb.IPv4, IIF: in}
			for i := range flows {
				flows[i].src, flows[i].dst = addr(podBase+rand.Uint32N(uint32(pods))), addr(dstBase|rand.Uint32()&dstMask)
				k.Src, k.Dst = flows[i].src, flows[i].dst
				if got := f.Find(&k); got.Err != rpdb.OK {
					b.Fatalf("%+v: %+v", k, got)
				}
			}
			const turn = 1 << 17
			var found [64]rpdb.Found
			repeat := min(20_000, 20_000_000/max(n, 1)) // the kernel's time grows with the rules
			theirs, idle, ours := 1e18, 1e18, 1e18
			for at := 0; b.Loop(); at = (at + turn) % len(flows) {
				theirs = min(theirs, looks.time(b, repeat))
				idle = min(idle, idles.time(b, repeat))
				ours = min(ours, times(turn, func() {
					for i := range flows[at : at+turn] {
						k.Src, k.Dst = flows[at+i].src, flows[at+i].dst
						found[i%64] = f.Find(&k)
					}
				}))
			}
			b.ReportMetric(theirs-idle, "kernel-ns")
			b.ReportMetric(ours, "find-ns")
			b.ReportMetric((theirs-idle)/ours, "x")
			b.ReportMetric(0, "ns/op")
		})
	}
}
