package main

import (
	"fmt"
	"testing"
)

// A backup is restored, and the store sells on: through a real hub, whose journal
// answers where the fork began.
func TestARestoredDiskGoesOn(t *testing.T) {
	c := startHub(t)
	c.stocked()
	dir := t.TempDir()
	old := runStore(t, dir, false, c.address)
	var want []string
	sell := func(s *store, name string, n int) {
		for i := range n {
			want = append(want, fmt.Sprint(name, i))
			s.sell(fmt.Sprint(name, i))
		}
	}
	sell(old, "A", 20)
	old.through(c)
	backup := copyFolder(t, dir)
	sell(old, "B", 17)
	old.through(c)
	old.stop()
	restored := runStore(t, backup, false)
	sell(restored, "C", 11)
	restored.stop()
	restored = runStore(t, backup, false, c.address)
	restored.through(c)
	sell(restored, "D", 3)
	restored.through(c)
	c.has(want...)
}

// Two copies of a PC run at once: they take turns, and everything of both arrives.
func TestTwoCopiesOfAPCRunAtOnce(t *testing.T) {
	c := startHub(t)
	c.stocked()
	dir := t.TempDir()
	first := runStore(t, dir, false, c.address)
	first.sell("A1", "A2")
	first.through(c)
	second := runStore(t, copyFolder(t, dir), false, c.address)
	want := []string{"A1", "A2"}
	for i := range 4 {
		first.sell(fmt.Sprint("F", i))
		second.sell(fmt.Sprint("S", i))
		want = append(want, fmt.Sprint("F", i), fmt.Sprint("S", i))
	}
	c.wait("all of both is in the hub", func() bool { return len(c.receipts()) >= len(want) })
	c.has(want...)
}
