package stock

const (
	trieFan   = 16 // children of an inner node: four bits of the hash
	trieLeaf  = 12 // entries a leaf holds before it becomes an inner node
	trieDepth = 16 // levels that a 64-bit hash can tell apart
)

// trie finds a number by its code. It is frozen by copying its header: a node
// edited under a later generation is copied first.
type trie struct {
	root *trieNode
	size int
}

type trieNode struct {
	generation uint64
	kids       *[trieFan]*trieNode // nil in a leaf
	leaf       []trieEntry
}

type trieEntry struct {
	key   string
	value uint32
}

func (t *trie) get(key string) (uint32, bool) {
	hash := hashCode(key)
	for node := t.root; node != nil; hash >>= 4 {
		if node.kids == nil {
			for i := range node.leaf {
				if node.leaf[i].key == key {
					return node.leaf[i].value, true
				}
			}
			return 0, false
		}
		node = node.kids[hash%trieFan]
	}
	return 0, false
}

func (t *trie) put(generation uint64, key string, value uint32) {
	t.root = t.root.put(generation, trieEntry{key, value}, 0, &t.size)
}

func (t *trie) remove(generation uint64, key string) {
	if _, ok := t.get(key); ok {
		t.root = t.root.remove(generation, key, hashCode(key))
		t.size--
	}
}

// own returns n itself, or a copy if an earlier generation may be reading it.
func (n *trieNode) own(generation uint64) *trieNode {
	if n == nil {
		return &trieNode{generation: generation}
	}
	if n.generation == generation {
		return n
	}
	own := &trieNode{generation: generation, leaf: append([]trieEntry(nil), n.leaf...)}
	if n.kids != nil {
		kids := *n.kids
		own.kids = &kids
	}
	return own
}

func (n *trieNode) put(generation uint64, entry trieEntry, depth int, size *int) *trieNode {
	n = n.own(generation)
	if n.kids != nil {
		kid := &n.kids[hashCode(entry.key)>>(4*depth)%trieFan]
		*kid = (*kid).put(generation, entry, depth+1, size)
		return n
	}
	for i := range n.leaf {
		if n.leaf[i].key == entry.key {
			n.leaf[i].value = entry.value
			return n
		}
	}
	n.leaf = append(n.leaf, entry)
	*size++
	if len(n.leaf) > trieLeaf && depth < trieDepth {
		n.split(generation, depth)
	}
	return n
}

func (n *trieNode) split(generation uint64, depth int) {
	n.kids = new([trieFan]*trieNode)
	moved := 0 // entries change their node, not their number
	for _, entry := range n.leaf {
		kid := &n.kids[hashCode(entry.key)>>(4*depth)%trieFan]
		*kid = (*kid).put(generation, entry, depth+1, &moved)
	}
	n.leaf = nil
}

func (n *trieNode) remove(generation uint64, key string, hash uint64) *trieNode {
	n = n.own(generation)
	if n.kids != nil {
		kid := &n.kids[hash%trieFan]
		*kid = (*kid).remove(generation, key, hash>>4)
		return n
	}
	for i := range n.leaf {
		if n.leaf[i].key == key {
			n.leaf = append(n.leaf[:i], n.leaf[i+1:]...)
			break
		}
	}
	return n
}

// hashCode is FNV-1a, 64 bits, with a final mix so that the low bits are good.
func hashCode(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h, uint64(len(s)))
}
