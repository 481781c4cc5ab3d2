package rehearse

import "github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/linear"

// Report is the one JSON object a rehearsal ends with. Each term:
//
//	acknowledged   operations (lines) whose till got an answer
//	in_hub         of those, how many the hub's journal applied
//	lost           acknowledged, but not in the hub, or with other lines
//	doubled        applied more than once, or a receipt applied under two ids
//	goods          acknowledged operations that are neither sales nor returns: goods
//	               in, transfers, counts, inspections, claims not found, tasks done
//	accepted       orders of which something was promised; short: nothing was
//	fulfilled      orders that are over and of which something was handed over
//	leaked         claims still open in the hub without an open order behind them
//	oversold       units of confirmed or staged claims that ended short or that the
//	               goods at their location do not cover at the end
//	negative       levels whose sellable is below zero at the end
//	conflicts      claims the hub let yield by rule, each explained; moved: of
//	               those, the ones that found another place; late_picks: goods
//	               that left for a claim that was over already
//	transfers      sent: dispatches; arrived: lines, of which ahead_of_papers came
//	               before the hub knew the dispatch, elsewhere not where they were
//	               sent, home where they came from; over: lines that brought more
//	               than was sent; duplicates: lines of a transfer that was over;
//	               short_units: sent, and closed without having arrived; open: under
//	               way at the end
//	counts         booked: lines whose variance moved goods or was exact; again:
//	               lines that moved nothing and were asked for anew, by the hub or
//	               (again_at_store) by the store itself
//	backroom       lines inspected, operations undone, claims set aside, put back on
//	               the shelf, not found, or set aside too late; lines of a code that
//	               nobody knew, mapped later; closed_by_count: lines that took effect
//	               after a count of what they moved, and so moved no sellable goods;
//	               tasks that stores
//	               have not done at the end
//	operators      what people decide while the day goes on: claims that a channel
//	               moved by its own will, or could not; policies set, orders that
//	               only the policy made short, lines that came back to the shelf as
//	               the policy said; claims whose turn to give way was compared;
//	               locations paused and closed, claims let go by that; catalogue rows
//	               loaded late, with aliases; exceptions handed on, and closed by hand
//	stores_cut     stores whose cut ended a connection or met a dial
//	hub_kills      nodes that SIGKILL ended; leader_kills: of those, the ones that
//	               led and that another node followed
//	nodes_wiped    followers that were killed, lost their folder and caught up
//	hung_disks     followers that stood still again and again, and were silent
//	agents_moved   stores that went to another node when the wire to theirs was cut
//	pcs_replaced   stores whose PC was lost with unsent operations and replaced;
//	               operations_imported came to the hub from its disk later
//	pcs_restored   stores that went on with an older copy of their disk; pcs_cloned:
//	               that had a copy of their PC beside it; written_again: operations
//	               that a fork made one of them write anew; forks: how many there were
//	bad_frames     garbled frames over which their reader ended the connection
//	hub_hashes_equal  all nodes were seen at one index, with one state hash, and
//	               their hashes differed at no index
//	linearizability  calls on hot items, and whether their answers fit one order
//	resumed_ms     for each kill of the leader, the time until a write that began
//	               after it was answered
type Report struct {
	Data struct {
		Baskets       int `json:"baskets"`
		Lines         int `json:"lines"`
		Locations     int `json:"locations"`
		Items         int `json:"items"`
		NotPlayed     int `json:"not_played"`
		NotUnderstood int `json:"not_understood"`
	} `json:"data"`
	Sales        Kept `json:"sales"`
	Lines        Kept `json:"lines"`
	Returns      Kept `json:"returns"`
	Goods        Kept `json:"goods"`
	Reservations struct {
		Requested int `json:"requested"`
		Accepted  int `json:"accepted"`
		Short     int `json:"short"`
		Fulfilled int `json:"fulfilled"`
		Expired   int `json:"expired"`
		Conflicts int `json:"conflicts"`
		Moved     int `json:"moved"`
		LatePicks int `json:"late_picks"`
		Leaked    int `json:"leaked"`
	} `json:"reservations"`
	Transfers struct {
		Sent          int     `json:"sent"`
		Arrived       int     `json:"arrived"`
		AheadOfPapers int     `json:"ahead_of_papers"`
		Elsewhere     int     `json:"elsewhere"`
		Home          int     `json:"home"`
		Over          int     `json:"over"`
		Duplicates    int     `json:"duplicates"`
		ClosedByStore int     `json:"closed_by_store"`
		ClosedByHub   int     `json:"closed_by_hub"`
		ShortUnits    float64 `json:"short_units"`
		Open          int     `json:"open"`
	} `json:"transfers"`
	Counts struct {
		Booked       int     `json:"booked"`
		Exact        int     `json:"exact"`
		FoundUnits   float64 `json:"found_units"`
		MissedUnits  float64 `json:"missed_units"`
		AgainAtStore int     `json:"again_at_store"`
		Again        int     `json:"again"`
	} `json:"counts"`
	Backroom struct {
		Inspected     int `json:"inspected"`
		Undone        int `json:"undone"`
		SetAside      int `json:"set_aside"`
		PutBack       int `json:"put_back"`
		NotFound      int `json:"not_found"`
		Mapped        int `json:"mapped"`
		ClosedByCount int `json:"closed_by_count"`
		TooLate       int `json:"too_late"`
		TasksOpen     int `json:"tasks_open"`
	} `json:"backroom"`
	Operators struct {
		ClaimsMoved  int `json:"claims_moved"`
		MovesRefused int `json:"moves_refused"`

		Policies        int `json:"policies"`
		ShortByPolicy   int `json:"short_by_policy"`
		ReturnsByPolicy int `json:"returns_by_policy"`
		Compared        int `json:"compared"`

		Paused   int `json:"paused"`
		Closed   int `json:"closed"`
		LetGo    int `json:"let_go"`
		Loaded   int `json:"loaded"`
		Aliases  int `json:"aliases"`
		Owned    int `json:"owned"`
		Resolved int `json:"resolved"`
	} `json:"operators"`
	OversoldUnits  float64 `json:"oversold_units"`
	NegativeLevels int     `json:"negative_levels"`
	Faults         struct {
		StoresCut          int `json:"stores_cut"`
		HubKills           int `json:"hub_kills"`
		LeaderKills        int `json:"leader_kills"`
		AgentKills         int `json:"agent_kills"`
		BadFrames          int `json:"bad_frames"`
		NodesWiped         int `json:"nodes_wiped"`
		HungDisks          int `json:"hung_disks"`
		PCsReplaced        int `json:"pcs_replaced"`
		OperationsImported int `json:"operations_imported"`
		PCsRestored        int `json:"pcs_restored"`
		PCsCloned          int `json:"pcs_cloned"`
		WrittenAgain       int `json:"written_again"`
		Forks              int `json:"forks"`
		AgentsMoved        int `json:"agents_moved"`
		FramesDuplicated   int `json:"frames_duplicated"`
		FramesDelayed      int `json:"frames_delayed"`
		FramesReordered    int `json:"frames_reordered"`
	} `json:"faults"`
	Convergence struct {
		Seconds            float64 `json:"seconds"`
		HubHashesEqual     bool    `json:"hub_hashes_equal"`
		AgentsEqualHub     bool    `json:"agents_equal_hub"`
		MovementsSumToZero bool    `json:"movements_sum_to_zero"`
	} `json:"convergence"`
	Past struct {
		Explained int `json:"explained"`  // levels that every node took apart
		SaidAgain int `json:"said_again"` // words of the feed that every node said of their position
	} `json:"past"`
	LatencyMS struct {
		SaleP50        float64 `json:"sale_p50"`
		SaleP99        float64 `json:"sale_p99"`
		ReservationP50 float64 `json:"reservation_p50"`
		ReservationP99 float64 `json:"reservation_p99"`
		SaleToFeedP50  float64 `json:"sale_to_feed_p50"`
		SaleToFeedP99  float64 `json:"sale_to_feed_p99"`
	} `json:"latency_ms"`
	Linearizability *linear.Result `json:"linearizability,omitempty"`
	Conflicts       []Explained    `json:"conflicts"`
	ResumedMS       []float64      `json:"resumed_ms,omitempty"`
	Seconds         float64        `json:"seconds"`
	Verdict         string         `json:"verdict"`
	Failures        []string       `json:"failures"`
}

// Kept counts what became of acknowledged operations or lines.
type Kept struct {
	Acknowledged int `json:"acknowledged"`
	InHub        int `json:"in_hub"`
	Lost         int `json:"lost"`
	Doubled      int `json:"doubled"`
}

func (k Kept) wrong() int { return k.Lost + k.Doubled }

// maxFailures bounds the failures that a report spells out.
const maxFailures = 50

func (r *Report) fail(sentence string) {
	if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, sentence)
	}
	r.Verdict = "fail"
}
