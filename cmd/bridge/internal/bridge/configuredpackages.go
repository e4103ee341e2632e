package bridge

import "github.com/fwbridge/fwbridge/cmd/bridge/internal/config"

// PackageOptions gives the options of the store of packages and of its fetcher,
// also for a configuration whose bridge needs none: for commands that work on
// the store while no bridge does.
func PackageOptions(c *config.Config) Packages { return configuredPackages(c) }
