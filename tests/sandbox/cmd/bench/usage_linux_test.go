package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUsageIsReadAsLinuxTellsIt(t *testing.T) {
	t.Parallel()
	stat := "7 (a name) with) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 8 9 20 0 1 0 100 200 300"
	found, ok := parseUsage(stat, "Name:\ta\nVmPeak:\t  9 kB\nVmHWM:\t   100000 kB\nVmRSS:\t 1 kB\n")
	require.True(t, ok)
	assert.Equal(t, usage{cpu: 3, peak: 102.4}, found)
	_, ok = parseUsage(stat, "Name:\ta\n")
	assert.False(t, ok, "a process that has ended")
}

func TestAProcessIsFoundByItsProgram(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	require.NoError(t, err)
	pid := pidOf(program)
	require.NotZero(t, pid)
	own, ok := usageOf(os.Getpid())
	require.True(t, ok)
	assert.Greater(t, own.peak, 1.0)
	assert.Zero(t, pidOf("/no/such/program"))
}
