package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

func readReservationRow(r *reader) (v stock.ReservationRow) {
	to := &v.Reservation
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'i':
			to.ID = r.str(MaxText)
		case 'c':
			to.Channel = r.str(MaxText)
		case 'o':
			to.Order = r.str(MaxText)
		case 'm':
			to.Mode = stock.Mode(r.uintMax(255))
		case 'p':
			to.Priority = r.int()
		case 'w':
			to.CollectWithin = r.int()
		case 'b':
			to.Created = r.uint()
		case 'd':
			to.Deadline = r.int()
		case 'e':
			to.Ended = r.int()
		case 'x':
			v.Changed = r.uint()
		case 'l':
			r.list(len(r.left), func() {
				claim, slot, aged := readClaim(r)
				to.Lines = append(to.Lines, claim)
				v.Slots, v.Aged = append(v.Slots, slot), append(v.Aged, aged)
			})
		default:
			r.unknown()
		}
	})
	return v
}

func readClaim(r *reader) (c stock.Claim, slot, aged uint32) {
	r.fields(func(key byte) {
		switch key {
		case 'l':
			c.Line = r.str(MaxText)
		case 'i':
			c.Item = stock.ItemNo(r.number32())
		case 'q':
			c.Quantity = stock.Quantity(r.int())
		case 's':
			c.State = stock.ClaimState(r.uintMax(255))
		case 'a':
			c.Location = stock.LocationNo(r.number32())
		case 'p':
			c.Placed = r.bool()
		case 'c':
			r.list(MaxCandidates, func() { c.Candidates = append(c.Candidates, stock.LocationNo(r.number32())) })
		case 't':
			c.Since = r.int()
		case 'w':
			c.Reason = r.str(MaxText)
		case 'z':
			slot = r.number32()
		case 'f':
			c.Confirmed = r.int()
		case 'g':
			c.Aged = r.bool()
		case 'e':
			aged = r.number32()
		case 'v':
			r.list(len(r.left), func() { c.Left = append(c.Left, readStay(r)) })
		default:
			r.unknown()
		}
	})
	return c, slot, aged
}

func readStay(r *reader) (v stock.Stay) {
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.Location = stock.LocationNo(r.number32())
		case 'z':
			v.Slot = r.number32()
		case 'i':
			v.Index = r.uint()
		case 'w':
			v.Reason = r.str(MaxText)
		default:
			r.unknown()
		}
	})
	return v
}
