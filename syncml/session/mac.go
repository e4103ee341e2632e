package session

// HMACHeader is the HTTP header of the scheme MAC, in both directions (DM
// Security 1.2, "HMAC-MD5").
const HMACHeader = "x-syncml-hmac"
