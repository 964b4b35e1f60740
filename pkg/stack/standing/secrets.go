package standing

import "strconv"

// DatabasePassword is how NamedSecrets names the metadata database's password.
const DatabasePassword = "the database's password"

// NamedSecrets are the secrets that the stack was made with by what they are: every
// process that looks for them calls them the same.
func (s Stack) NamedSecrets() map[string]string {
	named := map[string]string{
		DatabasePassword: s.Database.Secret, "the administrator's password": s.AdminPassword,
		"the fernet key": s.FernetKey, "the signing secret": s.JWTSecret, "the session key": s.APISecretKey,
		"the access key of the object store":          s.ObjectStorage.Secret,
		"the key of the object store's administrator": s.ObjectAdmin.Secret,
		"the password of the log store":               s.LogStore.Secret,
		"the password of a connection":                s.ConnectionSecret,
		"the token of the Git server":                 s.Git.Token,
	}
	known := map[string]bool{}
	for _, secret := range named {
		known[secret] = true
	}
	for i, secret := range s.Secrets {
		if !known[secret] {
			named["secret "+strconv.Itoa(i+1)+" of the stack"] = secret
		}
	}
	return named
}
