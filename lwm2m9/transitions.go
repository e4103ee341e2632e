package lwm2m9

// The Package Installation machine (seed, 5.1.1):
//
//	                    write                     package written
//	     INITIAL ----------------> DOWNLOAD STARTED ----------------> DOWNLOADED
//	     ^ ^ ^ ^   download failed        |                            |     |
//	     | | | +--------------------------+            integrity ko    |     |
//	     | | +---------------------------------------------------------+     |
//	     | |                  uninstall                         integrity ok |
//	     | +----------------------------------------------+                  |
//	     |                                                |                  |
//	     |   uninstall                    install ok      |                  |
//	     +---------------- INSTALLED <---------------- DELIVERED <-----------+
//	                                                    |     ^
//	                                                    +-----+ install failed
//
// The Software Activation machine (5.2), alive in INSTALLED only:
//
//	                  activate
//	     INACTIVE -----------------> ACTIVE
//	     DISABLED <----------------- ENABLED
//	                 deactivate

// transition is a row of the table of 5.1.1.
type transition struct {
	on     EventKind
	from   UpdateState
	to     UpdateState
	result func(Machine, Event, Options) UpdateResult // the new Update Result; ResultUnknown refuses
	when   func(Options) bool                         // nil: always
}

var installation = [...]transition{
	{EventWrite, Initial, DownloadStarted, always(ResultDownloading), nil},
	{EventDownloadFailed, DownloadStarted, Initial, downloadError, nil},
	{EventWritten, DownloadStarted, Downloaded, always(ResultInitial), nil},
	{EventIntegrityOK, Downloaded, Delivered, always(ResultInitial), initialWhenDelivered},
	{EventIntegrityOK, Downloaded, Delivered, always(ResultVerified), verifiedWhenDelivered},
	{EventIntegrityKO, Downloaded, Initial, always(ResultIntegrityFailure), nil},
	{EventInstallOK, Delivered, Installed, always(ResultInstalled), nil},
	{EventInstallFailed, Delivered, Delivered, installError, nil},
	{EventUninstall, Installed, Initial, always(ResultInitial), nil},
	{EventUninstall, Delivered, Initial, always(ResultInitial), resultReset},
	{EventUninstall, Delivered, Initial, unchanged, resultKept},
}

var activation = [...]struct {
	on       EventKind
	from, to ActivationState
}{
	{EventActivate, Disabled, Enabled},
	{EventDeactivate, Enabled, Disabled},
}

func initialWhenDelivered(o Options) bool  { return !o.Verified }
func verifiedWhenDelivered(o Options) bool { return o.Verified }
func resultReset(o Options) bool           { return !o.KeepResult }
func resultKept(o Options) bool            { return o.KeepResult }

func always(r UpdateResult) func(Machine, Event, Options) UpdateResult {
	return func(Machine, Event, Options) UpdateResult { return r }
}

func unchanged(m Machine, _ Event, _ Options) UpdateResult { return m.Result }

// specific says whether the result is one of the draft's 3 to 9, the range of
// errors in 5.1.2.2 and 5.1.2.4.
func specific(r UpdateResult) bool {
	return r >= ResultNotEnoughStorage && r <= ResultDeviceError
}

// downloadError takes the event's result if it is an error of a download.
func downloadError(_ Machine, e Event, _ Options) UpdateResult {
	if specific(e.Result) {
		return e.Result
	}
	return ResultUnknown
}

// installError is the event's result in the range that the option gives.
func installError(_ Machine, e Event, o Options) UpdateResult {
	known := specific(e.Result)
	if !known && e.Result != ResultUnknown && e.Result != ResultInstallFailure {
		return ResultUnknown
	}
	switch {
	case known && o.InstallFailure != AlwaysInstallFailure:
		return e.Result
	case o.InstallFailure == SpecificOnly:
		return ResultDeviceError
	}
	return ResultInstallFailure
}
