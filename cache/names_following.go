package cache

// Following gives up to limit rows of dir after a base, in order, out of a
// complete fresh listing in memory, and no rows if there is none. It asks
// nothing; attributes are those of the listing.
func (n *Names) Following(dir, after string, limit int) []Row {
	n.mu.Lock()
	defer n.mu.Unlock()
	d, ok := n.dirs.Get(dir)
	if !ok || d.list == nil || !d.list.whole() || !d.list.fresh(n.now()) {
		return nil
	}
	found, _ := d.list.rows.page(after, d.list.last, true, limit)
	rows := make([]Row, len(found))
	for i := range rows {
		rows[i] = Row{Base: found[i].base(), Name: found[i].name(d.list.until)}
	}
	return rows
}
