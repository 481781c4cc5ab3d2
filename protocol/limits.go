package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

// Every bound of the product stands here with its reason. A bound that only one
// room needs is still here, so that one page answers "how large can it get?".
const (
	// MaxBasketLines bounds the lines of one operation: the longest real
	// receipt in the rehearsal data has fewer than 700.
	MaxBasketLines = 1000
	// MaxOperationBytes bounds one encoded operation, so that a batch of one
	// always fits a frame with room for its header.
	MaxOperationBytes = 64 << 10
	// MaxBodyBytes bounds an HTTP request body.
	MaxBodyBytes = 1 << 20
	// MaxFrameBytes bounds one WebSocket message; a peer that sends more is cut off.
	MaxFrameBytes = 256 << 10
	// MaxEntryBytes bounds one replicated log entry: raft sends whole entries
	// in one request, and a follower must hold it in memory.
	MaxEntryBytes = 1 << 20
)

// Bounds of the HTTP surfaces (protocol/api, sync/serve).
const (
	// MaxNameLength bounds receipts, tills, orders, documents, reservation ids,
	// names and reasons, in characters: MaxText holds any of them in UTF-8.
	MaxNameLength = 64
	// MaxQueryLines bounds one availability query: a shop page shows fewer, a
	// feed serves the rest.
	MaxQueryLines = 1000
	// MaxHoldSeconds bounds a cart's hold: what lasts longer than a week is an order.
	MaxHoldSeconds = 7 * 24 * 3600
	// MaxCollectSeconds bounds how long an order may wait to be collected.
	MaxCollectSeconds = 90 * 24 * 3600
	// MaxPriority bounds a reservation's priority; the highest yields last.
	MaxPriority = 9
	// MaxPage bounds one page of a list.
	MaxPage = 1000
	// DefaultPage is a page where the client names no limit.
	DefaultPage = 100
	// MaxFeedWaitSeconds bounds a long poll of the feed: below the minute after
	// which proxies give up.
	MaxFeedWaitSeconds = 30
	// MaxHeaderBytes bounds the header of one HTTP request: tokens and traces fit many times.
	MaxHeaderBytes = 16 << 10
	// MaxBodyValues bounds the values of one JSON body. The largest that a call
	// takes, 200 lines with 64 candidates each, has half as many; decoded, a value
	// takes up to 30 times the two bytes it may have on the wire.
	MaxBodyValues = 32 << 10
	// MaxConnections bounds open connections of one HTTP server; each costs
	// about 10 KiB, and a hub node serves some thousand agents.
	MaxConnections = 8192
	// MaxNDJSONLine bounds one line of a bulk request.
	MaxNDJSONLine = 64 << 10
	// MaxFieldErrors bounds the faults that one problem lists: enough to mend a
	// basket, not enough to answer a small bad body with a huge one.
	MaxFieldErrors = 100
)

const (
	// MaxText bounds every code, id, receipt and reason inside an operation or
	// command: 64 characters of a code take at most 256 bytes of UTF-8.
	MaxText = 256
	// MaxAliases bounds the aliases of one item.
	MaxAliases = 64
	// MaxCandidates bounds the candidate locations of a reservation line; policies
	// keep it too, so its reason stands with them.
	MaxCandidates = stock.MaxCandidates
	// MaxBatchOperations bounds the operations of one Append and of one batch in
	// the log; at 60 bytes an operation it fills a quarter of a frame.
	MaxBatchOperations = 1024
	// MaxRoundValues bounds each kind of value in one part of a round.
	MaxRoundValues = 4096
	// MaxReservationLines bounds the lines of one reservation.
	MaxReservationLines = 200
	// MaxCommands bounds the commands merged into one log entry.
	MaxCommands = 4096
	// MaxBulk bounds the catalogue rows or locations of one command.
	MaxBulk = 1000
	// MaxConflicts bounds the conflicts that the state remembers besides their 7
	// days; apply keeps it, so its reason stands there.
	MaxConflicts = stock.MaxConflicts
	// MaxTasks bounds the open tasks of a location, likewise.
	MaxTasks = stock.MaxTasks
	// MaxTransfers bounds the open transfers, likewise.
	MaxTransfers = stock.MaxTransfers
	// MaxPolicyRows bounds the rows of a policy, likewise.
	MaxPolicyRows = stock.MaxPolicyRows
	// MaxChannelGroups bounds the groups of channels, likewise.
	MaxChannelGroups = stock.MaxChannelGroups
	// MaxRanking bounds the channels that a conflict order ranks, likewise.
	MaxRanking = stock.MaxRanking
	// MaxReturnRules bounds the rules for returns, likewise.
	MaxReturnRules = stock.MaxReturnRules
	// MaxPolicyDays bounds the days in a policy, likewise.
	MaxPolicyDays = stock.MaxPolicyDays
	// maxSortKeys bounds the keys of a conflict order: twice those that there are.
	maxSortKeys = 10
	// MaxEchoes bounds the echoes in one tick: one a second from every store.
	MaxEchoes = 20_000
)

const (
	// MaxIntakeBytes bounds the commands that wait on one hub node for their
	// place in the log; past it callers are told to come back.
	MaxIntakeBytes = 64 << 20
	// MaxProposals bounds the entries a hub node has in flight: one on its way
	// while the next is merged keeps the disk busy, more only add latency.
	MaxProposals = 2
	// MaxJournalQueue bounds the applied entries that wait to be journalled.
	MaxJournalQueue = 1024
)

// Bounds of a session between an agent and a hub node (sync/session).
const (
	// BeatMS is how often the owner of a session calls Beat, and so how soon a
	// peer hears from one that has nothing else to say, in ms.
	BeatMS = 1000
	// SilentBeats is how many beats without any frame end a connection: a full
	// frame over 256 kbit/s and a disk that stalls for some seconds stay below it.
	SilentBeats = 10
	// WelcomeBeats is how long an agent waits for the answer to its Hello, in
	// beats: the hub may first have to write to its log and to let an older
	// connection's batches settle.
	WelcomeBeats = 30
	// MaxQuestions bounds the questions of one connection: a search among as many
	// operations as an epoch may ever have takes 44, and hellos before and after.
	MaxQuestions = 64
	// MaxChainQuestions bounds those that wait for one node's journal: each is a
	// store whose disk was restored or copied, and its agent comes back.
	MaxChainQuestions = 16
	// MaxChainWalks bounds the histories of which a node remembers what it read,
	// so that the questions of one search read the journal once.
	MaxChainWalks = 4
	// MaxChainMarks bounds the batches remembered of one of them, 96 bytes each;
	// past it every other one is dropped, and the journal is read again there.
	MaxChainMarks = 1 << 16
	// WindowOperations bounds the operations an agent sends ahead of the
	// acknowledgement: 4 full batches keep a link of 100 ms busy at 40,000
	// operations a second.
	WindowOperations = 4096
	// WindowBytes bounds their bytes, and so what one agent can make a hub node hold.
	WindowBytes = 1 << 20
	// WindowAppends bounds their frames; past it operations gather into larger ones.
	WindowAppends = 64
	// MaxAppendBytes bounds the operation bytes of one Append: the largest
	// operation fits, 1,000 common ones do, and at 256 kbit/s it takes 2 s, so
	// that signs of life behind it are not late.
	MaxAppendBytes = MaxOperationBytes
	// MaxRoundTotal bounds the values an agent gathers before a round is whole:
	// items, levels and claims of the largest assortment several times over.
	MaxRoundTotal = 1 << 20
	// MaxWholeRounds bounds the rounds of everything that a node has on their way
	// at once: one takes some 10 MiB where an assortment has 50,000 items, and a
	// thousand new stores may come in one morning.
	MaxWholeRounds = 16
	// RoundPartsAhead bounds the parts of a round in the queue of a link; the
	// next follow when it has drained.
	RoundPartsAhead = 4
	// ReplacedRetryMS is how long an agent waits whose connection was replaced by a
	// newer one of the same installation: two copies of a PC take turns, and each
	// gets to send what it has before the other comes back.
	ReplacedRetryMS = 5000
	// BackoffBaseMS is the longest first wait before an agent dials again.
	BackoffBaseMS = 500
	// BackoffMostMS bounds every later one: after a long outage a store is back
	// within a minute, and ten thousand of them do not come at once.
	BackoffMostMS = 60_000
)

// Bounds of one connection (sync/link).
const (
	// MaxQueueFrames bounds the frames that wait in a link to be written: a
	// full window of Appends and their acknowledgements, with room for beats.
	MaxQueueFrames = 256
	// MaxQueueBytes bounds their bytes: a full window, or the parts of a round.
	MaxQueueBytes = 2 << 20
	// MaxGreetingBytes bounds the first message that a hub node reads of a
	// connection: a Hello takes some 1.3 KiB at most, a later version's may take
	// more. A full frame for each stranger would be 2 GiB at MaxConnections.
	MaxGreetingBytes = 8 << 10
	// WriteTimeoutMS bounds the writing of one frame; a peer that takes longer
	// to make room for it is cut off.
	WriteTimeoutMS = 5000
	// GoodbyeTimeoutMS bounds the wait for a peer's answer to a goodbye.
	GoodbyeTimeoutMS = 1000
	// DialTimeoutMS bounds the dialling of a hub node, TLS and upgrade included.
	DialTimeoutMS = 10_000
)

// Bounds of the tills' surface (agent/till).
const (
	// MaxIdempotencyKey bounds a key that a till chooses, in characters: it is
	// kept with the operation for ever, and no library makes longer ones.
	MaxIdempotencyKey = 255
	// PageOperations bounds the operations on the store's page: what a person
	// reads without scrolling far; the list of all is one link away.
	PageOperations = 20
	// PageReservations bounds the open claims on the store's page.
	PageReservations = 200
	// PageTasks bounds the tasks on the store's page: what a shift can do.
	PageTasks = 50
	// PageTransfers bounds the open transfers on the page that receives them.
	PageTransfers = 100
	// PageReturns bounds the returned items on the page that inspects them.
	PageReturns = 200
	// EventRetryMS is how long a reader of events waits before it connects again.
	EventRetryMS = 2000
	// PageRefreshMS bounds how often the page reads itself again while events
	// arrive: a busy store records several a second, eyes follow one.
	PageRefreshMS = 1000
	// MaxCountChanges bounds the store's own changes that a count may be dated
	// before, and twice as many are held: an hour of a busy store. What was
	// counted earlier is counted again.
	MaxCountChanges = 10_000
	// GaugeWaitMS bounds how long one gauge waits for the agent's loop.
	GaugeWaitMS = 1000
)

const (
	// MaxGroup bounds the operations of one ledger commit: more than tills that
	// can wait at once in the largest store, and a commit of milliseconds.
	MaxGroup = 512
	// MaxUnmarked is after how many operations the high-water file beside the ledger
	// is written at the latest, besides once a beat: what a disk that loses its end
	// could lose unseen is a minute of the busiest store.
	MaxUnmarked = 256
)

// MaxSnapshotRow bounds one row of a snapshot: the row of a location holds every
// outcome that its store has not acknowledged, a year offline included.
const MaxSnapshotRow = 64 << 20

const (
	// JournalSegmentBytes is the size at which a journal segment is sealed: small
	// enough to drop by policy, large enough that a year is some hundred files.
	JournalSegmentBytes = 64 << 20
	// MaxJournalRecord bounds one journal record: an entry and an outcome for
	// each of its lines.
	MaxJournalRecord = 4 * MaxEntryBytes
	// JournalFilterShare is the part of a sealed segment that the filter of its
	// sparse index takes: a basket of some ninety bytes has three keys of its own
	// (receipt, trace, and location with item), which leaves eight bits for each.
	JournalFilterShare = 32
	// MaxJournalFilter bounds the filter, whatever a segment grew to.
	MaxJournalFilter = 4 << 20
	// MaxJournalPassed bounds the segments that one page of the journal passes
	// over: each costs some reads of 4 KiB, and a year is some hundred segments.
	MaxJournalPassed = 512
	// MaxJournalPiece bounds what one node sends of its journal in one answer, so
	// that the entries of the log behind it are not late.
	MaxJournalPiece = 256 << 10
	// MaxJournalImages bounds the images in one answer: ten years of them.
	MaxJournalImages = 4096
	// JournalDays is how long a hub node keeps its journal where nobody says
	// otherwise: as long as stores keep their ledgers.
	JournalDays = 400
	// JournalBytes is how much of it, images included: some five hundred segments
	// and an image of 100 MiB a day fit a common disk.
	JournalBytes = 80 << 30
)

// MaxLogProposals bounds the proposals that wait for an answer in one node's
// log (hub/cluster). It stays below raft's queue of 64, so that offering an
// entry never blocks.
const MaxLogProposals = 48

// MaxCommandBytes bounds one command, so that it always finds room in an entry.
const MaxCommandBytes = MaxEntryBytes / 2

// MaxPruned bounds the operations that one commit of a store's ledger prunes:
// some hundred pages, so that a sale waits a few milliseconds for it.
const MaxPruned = 1000

// LedgerDays is how long the hub has to have held an operation, by its own clock,
// before a store drops its bytes: a hub set back to a backup of last year still finds
// them. Keys and answers stay for ever.
const LedgerDays = 400

// HeldEveryMS is how often a store remembers how far the hub holds its ledger, by the
// hub's clock: once a day, so that some hundred rows tell of LedgerDays.
const HeldEveryMS = 24 * 3600 * 1000

// PruneBeats is how often a store looks for operations to prune, in beats: a day has
// some thousand at most, and none is in a hurry.
const PruneBeats = 3600

// Room on the disk of a store's ledger (agent/volume), in bytes. Each is a share of
// the disk as well, and the smaller of the two counts: a tenth of a large disk is no
// shortage.
const (
	// DiskLowBytes is below what people are told: a year of a large store, and time
	// to act.
	DiskLowBytes = 5 << 30
	// DiskShortBytes is below what no copy of the ledger is made: a copy takes as
	// much again as the largest ledger.
	DiskShortBytes = 2 << 30
	// DiskScarceBytes is below what the ballast is given back: another program's
	// update may take what is left in minutes.
	DiskScarceBytes = 512 << 20
	// DiskFullBytes is below what nothing is recorded: the log grows by some 4 MiB
	// between two checkpoints, the file by as much, and a restart needs room too.
	DiskFullBytes = 16 << 20
	// BallastBytes is held back to sell on when the disk is full: at 10 KiB an
	// operation, some days of a store.
	BallastBytes = 64 << 20
)

// CopyPages bounds the pages of a store's ledger that one turn of its loop copies
// into a backup, 4 KiB each: a sale waits a millisecond for it.
const CopyPages = 64

// Bounds of the connection between two hub nodes (hub/cluster).
const (
	// MaxPeerBytes bounds one message: a whole log entry and what goes with it.
	MaxPeerBytes = MaxEntryBytes + 8<<10
	// MaxPeerText bounds the sentence of an answer.
	MaxPeerText = 1 << 10
	// MaxPeerCalls bounds the questions that wait on one connection: every
	// proposal a node may have open, and room for what its people ask.
	MaxPeerCalls = 2 * MaxLogProposals
	// MaxPeerStreams bounds the connections other nodes hold to one node: a
	// cluster of nine, each reconnecting before its old connection is noticed gone.
	MaxPeerStreams = 32
	// MaxMembers bounds the nodes of a cluster.
	MaxMembers = 9
)
