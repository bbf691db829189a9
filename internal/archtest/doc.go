// Package archtest holds the imports of this module to its layout: what a
// package may know of the others. Its tests read go list's answer; there is
// nothing to import.
package archtest
