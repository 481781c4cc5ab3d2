package protocol

// Rough encoded sizes of the values of a round, in bytes, on the safe side: a
// code is at most MaxText, numbers nine bytes with their key two more.
const (
	levelBytes   = 80 + MaxText
	claimBytes   = 40 + 5*MaxText
	outcomeBytes = 60 + 5*MaxText
	taskBytes    = 60 + 4*MaxText
	transitBytes = 60 + 4*MaxText
	itemBytes    = 40 + 4*MaxText
	aliasBytes   = 16 + MaxText
	returnBytes  = 16 + MaxText
)

// Parts cuts a round into frames that keep every limit. Only the last says Last;
// they are stored together or not at all. An empty round is one part.
func (v *Round) Parts() []*Round {
	var parts []*Round
	head := Round{Hub: v.Hub, Since: v.Since, Restart: v.Restart, Renew: v.Renew, Now: v.Now, Through: v.Through}
	const room = MaxFrameBytes - 8<<10
	part, used := head, 0
	grow := func(size int) {
		if used > 0 && used+size > room {
			full := part
			parts = append(parts, &full)
			part, used = head, 0
		}
		used += size
	}
	if part.Policy = v.Policy; v.Policy.Version > 0 {
		grow(returnBytes * (1 + len(v.Policy.Returns)))
	}
	for i := range v.Items {
		grow(itemBytes + aliasBytes*len(v.Items[i].Aliases))
		part.Items = append(part.Items, v.Items[i])
	}
	for i := range v.Levels {
		grow(levelBytes)
		part.Levels = append(part.Levels, v.Levels[i])
	}
	for i := range v.Claims {
		grow(claimBytes)
		part.Claims = append(part.Claims, v.Claims[i])
	}
	for i := range v.Outcomes {
		grow(outcomeBytes)
		part.Outcomes = append(part.Outcomes, v.Outcomes[i])
	}
	for i := range v.Tasks {
		grow(taskBytes)
		part.Tasks = append(part.Tasks, v.Tasks[i])
	}
	for i := range v.Transfers {
		grow(transitBytes)
		part.Transfers = append(part.Transfers, v.Transfers[i])
	}
	parts = append(parts, &part)
	for i := range parts {
		parts[i].Part = uint64(i)
	}
	parts[len(parts)-1].Last = true
	return parts
}
