package day

// Split chooses the baskets that become online orders: about the share of those
// that only sell goods and have at most 20 lines. The choice hangs on the seed,
// the location and the receipt alone, and both lists stay in time order.
func (d *Day) Split(share float64, seed uint64) (store, online []Basket) {
	for _, b := range d.Baskets {
		drawn := float64(hash(seed, "online", b.Location, b.Receipt)>>11) / (1 << 53)
		if b.Kind == Sale && b.Lines() <= maxOnlineLines && drawn < share {
			online = append(online, b)
		} else {
			store = append(store, b)
		}
	}
	return store, online
}
