// Package chatlog has the tests of chat log destinations against a server of AWS's
// APIs. run.sh builds them, with the tag awsserver, and starts them with what they need.
package chatlog
