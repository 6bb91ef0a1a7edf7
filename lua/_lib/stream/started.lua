-- `started`: the delivery count that records the start of a handler. It is set before the handler of an entry is called whose
-- worker vanished before. Redis' own count stays far below: a position is delivered once, and each read by its consumer adds one.
local started = 1000000
