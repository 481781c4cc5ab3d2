package stock

// SetPolicy takes from the hub what a store needs of the policy. Where a round
// says nothing of it (version 0), the store keeps what it knows.
func (v *View) SetPolicy(p StorePolicy) {
	if p.Version > 0 {
		v.policy = p
	}
}

// Policy is what the hub last said of the policy; version 0: nothing yet.
func (v *View) Policy() StorePolicy { return v.policy }

// ReturnsTo is where a returned item goes, and the version of the policy that
// says so: an operation that is resolved by it carries it. What the policy or
// the catalogue does not know is inspected first.
func (v *View) ReturnsTo(item string) (to Account, version uint64) {
	to, class := ReturnPending, v.items[item].Class
	for _, rule := range v.policy.Returns {
		if rule.Class == class && class != "" {
			return rule.To, v.policy.Version
		}
		if rule.Class == "" {
			to = rule.To
		}
	}
	return to, v.policy.Version
}
