package policy

import (
	"fmt"
	"slices"
	"strings"
)

// The condition keys that have values, in lower case as keys are compared; those of
// tags with the tag's key behind them.
const (
	KeyRequestTag       = "aws:requesttag/"
	KeyResourceTag      = "aws:resourcetag/"
	KeyTagKeys          = "aws:tagkeys"
	KeySourceIP         = "aws:sourceip"
	KeyCurrentTime      = "aws:currenttime"
	KeyEpochTime        = "aws:epochtime"
	KeySecureTransport  = "aws:securetransport"
	KeyUserAgent        = "aws:useragent"
	KeyPrincipalAccount = "aws:principalaccount"
	KeyPrincipalArn     = "aws:principalarn"
	KeyRequestedRegion  = "aws:requestedregion"
	KeyResourceAccount  = "aws:resourceaccount"
	KeyTokenIssueTime   = "aws:tokenissuetime"
)

// knownKey refuses a key that never has a value: a condition on it would not do
// what its author thinks. Keys of AWS that Parley lacks are among them.
func knownKey(key string) error {
	for _, prefix := range []string{KeyRequestTag, KeyResourceTag} {
		if len(key) > len(prefix) && strings.HasPrefix(key, prefix) {
			return nil
		}
	}
	known := []string{
		KeyTagKeys, KeySourceIP, KeyCurrentTime, KeyEpochTime, KeySecureTransport, KeyUserAgent, KeyPrincipalAccount,
		KeyPrincipalArn, KeyRequestedRegion, KeyResourceAccount, KeyTokenIssueTime,
	}
	if slices.Contains(known, key) {
		return nil
	}
	return fmt.Errorf("condition key %q is not known here; there are aws:RequestTag/…, aws:ResourceTag/…, aws:TagKeys, aws:SourceIp, "+
		"aws:CurrentTime, aws:EpochTime, aws:SecureTransport, aws:UserAgent, aws:PrincipalAccount, aws:PrincipalArn, aws:RequestedRegion, "+
		"aws:ResourceAccount and aws:TokenIssueTime", key)
}
