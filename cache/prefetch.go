package cache

import "cosfs/cosapi"

// Prefetch fetches a whole version in the background, as read-ahead: it waits
// for readers, and shares its GET with one who comes for the same bytes. False:
// nothing is to be fetched, or cannot be now. Errors are left to who reads.
func (c *Cache) Prefetch(v cosapi.Version) bool {
	o, err := c.Get(v)
	if err != nil {
		return false
	}
	if o.Complete() || !c.fillLater(o) {
		o.Close()
		return false
	}
	return true
}

// fillLater fills o, closes it, and is waited for by Close.
func (c *Cache) fillLater(o *Object) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.startLocked(func() {
		defer o.Close()
		if err := o.Fill(c.ctx); err != nil {
			c.cfg.Log.Debug("a file was not read ahead", "key", o.Version().Key, "err", err)
		}
	})
	return true
}
