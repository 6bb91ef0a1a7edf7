-- `damaged(key)`: fails with what is to be done about a key that holds what no limiter wrote. Before anything is written.
local function damaged(key)
  error({ err = "ERR the key '" .. key .. "' holds what no limiter wrote: reset its subject, or delete the key" })
end
