"""The wire contracts: messages and methods of the services that stackscope asks.

`stackscope.wire.containerd` is generated from `protos/`, at the top of the source tree, when the
package is built. Only the sources import anything from here.
"""

from stackscope.wire._contracts import Method, message, method

__all__ = ["Method", "message", "method"]
