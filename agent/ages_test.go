package agent

import (
	"testing"
	"time"
)

// A month without a hub is remembered in as little memory as a minute, and the
// oldest operation keeps its age.
func TestMarksAreBounded(t *testing.T) {
	var g ages
	at := func(n uint64) time.Time { return time.Unix(int64(n), 0) }
	for n := uint64(1); n <= 10_000; n++ {
		g.add(n, at(n))
	}
	if len(g.marks) > maxMarks || g.oldest(at(10_000)) != 9999*time.Second {
		t.Errorf("%d marks, the oldest %v", len(g.marks), g.oldest(at(10_000)))
	}
	g.drop(100)
	if age := g.oldest(at(10_000)); age != 9899*time.Second {
		t.Error(age)
	}
	g.drop(9999) // the newest mark stands for many: too old rather than too young
	if age := g.oldest(at(10_000)); age <= 0 {
		t.Error(age, len(g.marks))
	}
	g.drop(10_000)
	if g.oldest(at(10_000)) != 0 || len(g.marks) != 0 {
		t.Error(g.marks)
	}
}
