// Package flagd names the stock flagd that the tests run; .ci/run builds it.
package flagd

import _ "github.com/open-feature/flagd/flagd/cmd"
