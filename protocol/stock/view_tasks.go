package stock

import (
	"sort"
	"strconv"
)

// SetTask takes an open task from the hub.
func (v *View) SetTask(t StoreTask) { v.tasks[t.ID] = t }

// DropTasks forgets all tasks: a round that brings them anew follows.
func (v *View) DropTasks() { v.tasks = map[uint32]StoreTask{} }

// foldDone hides a task that a pending operation says is done.
func (v *View) foldDone(line *Line, sign int) {
	id := parseTask(line.Of)
	if v.done[id] += sign; v.done[id] == 0 {
		delete(v.done, id)
	}
}

// parseTask reads a task's id; 0 is none.
func parseTask(id string) uint32 {
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// Task finds an open task by its id.
func (v *View) Task(id string) (StoreTask, bool) {
	t, ok := v.tasks[parseTask(id)]
	return t, ok && !v.hidden(t)
}

// hidden reports whether something pending has done a task: a count answers a
// recount, as far as the store knows.
func (v *View) hidden(t StoreTask) bool {
	return v.done[t.ID] != 0 || t.Kind == Recount && v.counting[t.Item] > 0
}

// Tasks are the open tasks that nothing pending has done, oldest first.
func (v *View) Tasks() []StoreTask {
	var tasks []StoreTask
	for _, t := range v.tasks {
		if !v.hidden(t) {
			tasks = append(tasks, t)
		}
	}
	sort.Slice(tasks, func(i, k int) bool { return tasks[i].ID < tasks[k].ID })
	return tasks
}
