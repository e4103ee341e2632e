package mapping

import (
	"net/url"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// schemes are those that a package can be fetched by.
var schemes = []string{"http", "https", "coap", "coaps"}

// allowed finds the slot and asks its machine whether the resource may be
// written or executed in this state.
func (s *vstep) allowed(id lwm2m9.InstanceID, r lwm2m9.ResourceID) (*Slot, lwm2m9.ResponseCode) {
	i := s.index(id)
	if i < 0 {
		return nil, lwm2m9.CodeNotFound
	}
	return &s.Slots[i], s.Slots[i].Machine.Answer(r, s.p.Object9)
}

// A URI that Object 9 cannot hold is refused with 4.00; one that nothing can be
// fetched by is taken, as Object 9 says, and is an invalid URI at once.
func (e WroteURI) virtual(s *vstep) lwm2m9.ResponseCode {
	slot, code := s.allowed(e.Instance, lwm2m9.RIDPackageURI)
	switch {
	case !code.Success():
		return code
	case e.URI == "" || len(e.URI) > lwm2m9.MaxURI:
		return lwm2m9.CodeBadRequest
	}
	s.begin(slot, PackageInfo{URI: e.URI}, false)
	if u, err := url.Parse(e.URI); err != nil || u.Host == "" || !slices.Contains(schemes, strings.ToLower(u.Scheme)) {
		s.fetchFailed(slot, lwm2m9.ResultInvalidURI, "no URI of http, https, coap or coaps")
		return code
	}
	s.emit(Fetch{Instance: e.Instance, Seq: slot.Fetch, URI: e.URI})
	return code
}

func (e PushBegun) virtual(s *vstep) lwm2m9.ResponseCode {
	slot, code := s.allowed(e.Instance, lwm2m9.RIDPackage)
	if code.Success() {
		s.begin(slot, PackageInfo{}, true)
		s.emit(Receive{Instance: e.Instance, Seq: slot.Fetch})
	}
	return code
}

// begin takes a new package on.
func (s *vstep) begin(slot *Slot, info PackageInfo, pushed bool) {
	s.apply(slot, lwm2m9.EventWrite, lwm2m9.ResultUnknown)
	slot.Package, slot.Pushed, slot.Reason = info, pushed, ""
	slot.Campaign, slot.Campaigns = Campaign{}, 0
	slot.Fetch = s.seq()
}

// fetching finds the slot that waits for the fetch.
func (s *vstep) fetching(id lwm2m9.InstanceID, seq uint32) *Slot {
	if i := s.index(id); i >= 0 && seq != 0 && s.Slots[i].Fetch == seq {
		return &s.Slots[i]
	}
	return nil
}

func (e Received) virtual(s *vstep) lwm2m9.ResponseCode {
	slot := s.fetching(e.Instance, e.Seq)
	switch {
	case slot == nil:
		s.emit(Drop{Digest: e.Package.Digest}) // of a fetch that nobody waits for
	case slot.Machine.State == lwm2m9.DownloadStarted:
		uri := slot.Package.URI
		slot.Package = e.Package
		slot.Package.URI = uri
		s.apply(slot, lwm2m9.EventWritten, lwm2m9.ResultUnknown)
		s.emit(Verify{Instance: e.Instance, Seq: e.Seq, Digest: e.Package.Digest})
	}
	return 0
}

func (e Verified) virtual(s *vstep) lwm2m9.ResponseCode {
	slot := s.fetching(e.Instance, e.Seq)
	switch {
	case slot == nil || slot.Machine.State != lwm2m9.Downloaded:
	case e.OK:
		s.apply(slot, lwm2m9.EventIntegrityOK, lwm2m9.ResultUnknown)
		slot.Fetch = 0
	default:
		s.fetchFailed(slot, lwm2m9.ResultIntegrityFailure, "not the package that was announced")
	}
	return 0
}

func (e FetchFailed) virtual(s *vstep) lwm2m9.ResponseCode {
	if slot := s.fetching(e.Instance, e.Seq); slot != nil {
		slot.Package.Notify = e.Notify
		s.fetchFailed(slot, e.Result, e.Reason)
	}
	return 0
}

// fetchFailed ends a delivery into the store.
func (s *vstep) fetchFailed(slot *Slot, r lwm2m9.UpdateResult, why string) {
	kind := lwm2m9.EventDownloadFailed
	if slot.Machine.State == lwm2m9.Downloaded {
		kind = lwm2m9.EventIntegrityKO
	}
	if _, ok := slot.Machine.ApplyWith(lwm2m9.Event{Kind: kind, Result: r}, s.p.Object9); !ok {
		r = lwm2m9.ResultDeviceError // no result of a download
	}
	s.apply(slot, kind, r)
	s.report(slot, r, 0)
	s.drop(slot)
	slot.Reason = why
	s.note(NotePackageFailed, why)
}

// drop forgets the package.
func (s *vstep) drop(slot *Slot) {
	if slot.Package.Digest != "" {
		s.emit(Drop{Digest: slot.Package.Digest})
	}
	slot.Package, slot.Fetch, slot.Pushed = PackageInfo{}, 0, false
}

// An Install while one runs is answered as accepted and changes nothing: some
// servers repeat it for every notification of DELIVERED (lwm2m.md).
func (e InstallAsked) virtual(s *vstep) lwm2m9.ResponseCode {
	slot, code := s.allowed(e.Instance, lwm2m9.RIDInstall)
	switch {
	case !code.Success() || slot.Campaign.pending():
		return code
	case slot.Campaigns >= s.p.MaxCampaigns:
		slot.Reason = "no further attempt with this package: write it again first"
		return lwm2m9.CodeMethodNotAllowed
	}
	slot.Campaigns++
	slot.Campaign = Campaign{Phase: CampaignQueued, Package: e.Package, Correlator: e.Correlator}
	slot.Reason = "waiting for another update of the device"
	s.Queue = append(s.Queue, e.Instance)
	s.advance()
	return code
}

// Uninstall takes back what the device has not been given. What it has been
// given cannot be taken back; what it has installed stays installed.
func (e UninstallAsked) virtual(s *vstep) lwm2m9.ResponseCode {
	slot, code := s.allowed(e.Instance, lwm2m9.RIDUninstall)
	switch {
	case !code.Success():
		return code
	case slot.Campaign.handed():
		return lwm2m9.CodeMethodNotAllowed
	}
	installed := slot.Machine.State == lwm2m9.Installed
	s.takenBack(slot)
	s.withdraw(slot)
	s.apply(slot, lwm2m9.EventUninstall, lwm2m9.ResultUnknown)
	s.drop(slot)
	slot.Campaign, slot.Campaigns, slot.Reason = Campaign{}, 0, ""
	if installed {
		slot.Reason = "the firmware stays: the device cannot go back"
	}
	s.advance()
	return code
}

// withdraw ends a campaign that the device has not been handed.
func (s *vstep) withdraw(slot *Slot) {
	if !slot.Campaign.pending() {
		return
	}
	s.Queue = slices.DeleteFunc(s.Queue, func(id lwm2m9.InstanceID) bool { return id == slot.ID })
	if s.Active == uint32(slot.ID)+1 {
		s.Active = 0
		s.leave(slot.Campaign.Package) // its nodes may be there
	}
	s.note(NoteWithdrawn, slot.Campaign.Package)
}

func (e ActivateAsked) virtual(s *vstep) lwm2m9.ResponseCode {
	slot, code := s.allowed(e.Instance, lwm2m9.RIDActivate)
	if code.Success() {
		s.apply(slot, lwm2m9.EventActivate, lwm2m9.ResultUnknown)
	}
	return code
}

func (e DeactivateAsked) virtual(s *vstep) lwm2m9.ResponseCode {
	slot, code := s.allowed(e.Instance, lwm2m9.RIDDeactivate)
	switch {
	case !code.Success():
		return code
	case !s.p.RecordDeactivate:
		slot.Reason = "a running firmware cannot be switched off"
		return lwm2m9.CodeMethodNotAllowed
	}
	s.apply(slot, lwm2m9.EventDeactivate, lwm2m9.ResultUnknown)
	slot.Reason = "recorded only: the firmware runs on"
	return code
}

func (e CreateAsked) virtual(s *vstep) lwm2m9.ResponseCode {
	id := e.Instance
	if !e.Named {
		id = s.free()
	}
	switch {
	case s.index(id) >= 0:
		return lwm2m9.CodeBadRequest // it is there (LwM2M 1.1 Core, 6.3.6)
	case len(s.Slots) >= int(s.p.MaxInstances):
		return lwm2m9.CodeMethodNotAllowed
	}
	s.insert(id)
	s.emit(Created{Instance: id})
	return lwm2m9.CodeCreated
}

// Delete is refused for a campaign that the device has been handed, and for the
// last instance in INITIAL, which must be there.
func (e DeleteAsked) virtual(s *vstep) lwm2m9.ResponseCode {
	i := s.index(e.Instance)
	if i < 0 {
		return lwm2m9.CodeNotFound
	}
	slot := &s.Slots[i]
	initial := 0
	for _, other := range s.Slots {
		if other.Machine.State == lwm2m9.Initial {
			initial++
		}
	}
	if slot.Campaign.handed() || slot.Machine.State == lwm2m9.Initial && initial == 1 {
		return lwm2m9.CodeMethodNotAllowed
	}
	s.takenBack(slot)
	s.withdraw(slot)
	if slot.Fetch != 0 {
		s.emit(StopFetch{Seq: slot.Fetch})
	}
	s.drop(slot)
	s.Slots = slices.Delete(s.Slots, i, i+1)
	s.advance()
	return lwm2m9.CodeDeleted
}
