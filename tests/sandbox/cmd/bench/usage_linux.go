package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticks are the units of time in /proc/<pid>/stat, in a second: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const ticks = 100

func usageOf(pid int) (usage, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, false
	}
	return parseUsage(string(stat), string(status))
}

// parseUsage reads utime and stime, which are the fields 14 and 15 and so the 12th and 13th behind the name, and the peak of the
// resident set. A process that has ended has no memory any more.
func parseUsage(stat, status string) (usage, bool) {
	_, peak, found := strings.Cut(status, "VmHWM:")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if !found || len(fields) < 13 {
		return usage{}, false
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	kibibytes, _ := strconv.ParseFloat(strings.Fields(peak)[0], 64)
	return usage{cpu: (user + system) / ticks, peak: kibibytes * 1024 / megabyte}, true
}

// pidOf is the process of a program, or 0.
func pidOf(program string) int {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == program {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			return pid
		}
	}
	return 0
}
