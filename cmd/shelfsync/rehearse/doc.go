// Package rehearse plays a trading day through real programs and audits it from
// outside.
//
// Promise. Every answer that a till or a channel received is written down and
// synced before it counts. The verdict comes from that record alone, compared
// with what every node of the hub and every store say over HTTP: a sale that is
// missing, there twice, a claim that nobody stands behind, a promise that was
// broken without a record, or nodes that differ fail the run. A run whose faults
// did not happen fails as vacuous.
//
// Owner. A Run owns its processes, folders and proxies; what the tills do at
// once meets in the Record, which one goroutine writes. Faults that a program
// feels are done one after the other, so that of three nodes two always stand.
//
// Flow.
//
//	day -> catalogue and opening stock -> hub (one node or three)
//	store baskets -> tills -> agents' HTTP API              \
//	online baskets -> channel -> any node, then agents       > record -> audit -> report
//	fault plan -> kills, cut and noisy wires, hanging disks /
//	errands -> transfers, counts, returns, the counter, unknown codes
//	office  -> policies, catalogue, states of stores, exceptions
//	hot items -> all nodes -> history -> linear ------------^
//	then: everything is healed; wait until nothing is on its way; audit
//
// The audit asks every node: state hashes at one index, levels, reservations,
// conflicts, transfers, tasks, exceptions, journals. Only the order of operations is
// read off the journal of one: what each did is what its till was answered for,
// booked by the auditor's own double entry (accounts), which knows transfers,
// counts and lines that take effect late. Levels, transfers and recounts have to
// come out the same, and every conflict is worked out again from it (book). What
// is decided meanwhile counts from where the journal has it; a store goes by what
// it had seen when it wrote. So the book also says what could be promised, and who
// had to give way, by the policy of the moment (rules).
//
//	errands.go   what is done beside selling, and when
//	trips.go     transfers, early, short, over, elsewhere, home, twice
//	counting.go  counts while tills sell, and what clerks are asked to do
//	backroom.go  inspections, damage, slips undone
//	desk.go      click and collect that goes another way
//	parking.go   codes that nobody knows yet
//	byhand.go    claims that their channel moves
//	office.go    decisions of central IT, one after the other
//	policies.go  what the policies of a day are, and who asks under them
//	rules.go     what a policy means, worked out again
//	places.go    stores paused, closed and opened with claims on them
//	codes.go     items loaded late, aliases that change
//	cares.go     exceptions handed on and closed
//	replaced.go  a PC that dies, its successor, and its disk
//	copies.go    a PC beside its copy, and one restored from an older copy
package rehearse
