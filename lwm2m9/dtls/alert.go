package dtls

import "fmt"

// alert is why a connection ends (RFC 5246, 7.2).
type alert uint8

const (
	alertCloseNotify          alert = 0
	alertUnexpectedMessage    alert = 10
	alertHandshakeFailure     alert = 40
	alertBadCertificate       alert = 42
	alertCertificateExpired   alert = 45
	alertIllegalParameter     alert = 47
	alertUnknownCA            alert = 48
	alertDecodeError          alert = 50
	alertDecryptError         alert = 51
	alertProtocolVersion      alert = 70
	alertInsufficientSecurity alert = 71
	alertInternalError        alert = 80
)

var alertNames = map[alert]string{
	alertCloseNotify: "close_notify", alertUnexpectedMessage: "unexpected_message", alertHandshakeFailure: "handshake_failure",
	alertBadCertificate: "bad_certificate", alertCertificateExpired: "certificate_expired", alertIllegalParameter: "illegal_parameter",
	alertUnknownCA: "unknown_ca", alertDecodeError: "decode_error", alertDecryptError: "decrypt_error",
	alertProtocolVersion: "protocol_version", alertInsufficientSecurity: "insufficient_security", alertInternalError: "internal_error",
}

func (a alert) String() string {
	if s := alertNames[a]; s != "" {
		return s
	}
	return fmt.Sprintf("alert %d", uint8(a))
}

// Error makes an alert the reason for which a handshake fails.
func (a alert) Error() string { return "dtls: " + a.String() }

// Levels of alerts.
const (
	warning = 1
	fatal   = 2
)

// body is the content of the alert's record. close_notify is a warning.
func (a alert) body() []byte {
	if a == alertCloseNotify {
		return []byte{warning, byte(a)}
	}
	return []byte{fatal, byte(a)}
}

// ends tells whether the content of an alert's record ends the connection, and
// why.
func ends(content []byte) (alert, bool) {
	if len(content) != 2 {
		return 0, false
	}
	a := alert(content[1])
	return a, content[0] == fatal || a == alertCloseNotify
}
