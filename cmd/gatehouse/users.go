package main

type usersCommand struct {
	Export usersExportCommand `cmd:"" help:"Write all users to a file."`
	Import usersImportCommand `cmd:"" help:"Take users from a file: an export of OpenWISP, or our own."`
}
