// Package rehearse plays a trading day through real programs and audits it from
// outside.
//
// Promise. Every answer that a till or a channel received is written down and
// synced before it counts. The verdict comes from that record alone, compared
// with what the hub and every store say over HTTP: a sale that is missing, there
// twice, or a claim that nobody stands behind fails the run. A run whose faults
// did not happen fails as vacuous.
//
// Owner. A Run owns its processes, folders and proxies; what the tills do at
// once meets in the Record, which one goroutine writes.
//
// Flow.
//
//	day -> catalogue and opening stock -> hub
//	store baskets -> tills -> agents' HTTP API      \
//	online baskets -> channel -> hub, then agents    > record -> audit -> report
//	fault plan -> kills and cut proxies             /
//	then: heal everything, wait until nothing is on its way, audit
package rehearse
