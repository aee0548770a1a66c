package fs

import (
	"mime"
	"path"
)

const (
	defaultContentType = "application/octet-stream"
	dirContentType     = "application/x-directory" // of markers, as Tencent's cosfs writes them
)

// contentType goes by the last suffix of a name, then, as the old tool does,
// by the one before it (a.html.bak), with the system's mime.types.
func contentType(name string) string {
	for range 2 {
		ext := path.Ext(name)
		if ext == "" {
			break
		}
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		name = name[:len(name)-len(ext)]
	}
	return defaultContentType
}

// retype gives the content type of a renamed file: that of the new name, if
// it had the one of its old name.
func retype(was, from, to string) (t string, changed bool) {
	if t = contentType(to); was == contentType(from) && t != was {
		return t, true
	}
	return was, false
}
