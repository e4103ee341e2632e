package delivery

import "net/url"

// Lend gives the user and the password that a device may show to the server of
// uri when it fetches a package by itself (Object 9, User Name and Password):
// those of the first of hosts that fits. They go to the device and from there to
// the server, so both ways have to be closed to others, the device's (secured)
// and the URI's (https), unless the host says LendPlain. Tokens and keys of coaps
// are never lent: Object 9 has no place for them.
func Lend(hosts []Host, uri string, secured bool) (user string, password Secret, ok bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return "", "", false
	}
	for _, h := range hosts {
		if !h.fits(u) {
			continue
		}
		if h.User == "" || !h.LendPlain && (!secured || u.Scheme != "https") {
			return "", "", false
		}
		return h.User, h.Password, true
	}
	return "", "", false
}
