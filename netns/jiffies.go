package netns

import "time"

// jiffies is a time of the emulated kernel in its ticks since the world began.
type jiffies int64

const (
	hz     = 250 // CONFIG_HZ
	userHz = 100 // USER_HZ, the ticks of messages

	// bootJiffies is what the kernel's counter begins with (INITIAL_JIFFIES).
	bootJiffies = jiffies(1<<32 - 300*hz)
)

// now is the present time in jiffies.
func (w *World) now() jiffies {
	return jiffies(w.config.Clock().Sub(w.born) / (time.Second / hz))
}

// seconds is a time span in jiffies.
func seconds(s uint32) jiffies { return jiffies(s) * hz }

// clockJiffies is a time span in jiffies (clock_t_to_jiffies), from hundredths of a
// second.
func clockJiffies(t uint32) jiffies { return jiffies(t) * hz / userHz }

// clock returns the time in hundredths of a second (jiffies_to_clock_t).
func (j jiffies) clock() int64 { return int64(j) * userHz / hz }

// duration returns the time span.
func (j jiffies) duration() time.Duration { return time.Duration(j) * (time.Second / hz) }
