package tenancy

// Permissions that only organizations, groups and the registry check.
const (
	DeleteOrganization Permission = "users.delete_organization"
	DeleteOwner        Permission = "users.delete_organizationowner"
	DeleteGroup        Permission = "users.delete_group"
	ViewPermission     Permission = "users.view_permission"
	ChangePermission   Permission = "users.change_permission"
)
