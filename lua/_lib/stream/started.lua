-- `started`: what the delivery count of a position is set to before its handler is called, for entries that another worker
-- vanished with. A position is handed out once, so Redis' own count says nothing; each reading of it by its consumer adds one.
local started = 1000000
