-- `damaged(key)`: raises the error for a key whose data no limiter wrote, and says how to repair it. Only before any write.
local function damaged(key)
  error({ err = "ERR the key '" .. key .. "' contains data that no limiter wrote: reset its subject, or delete the key" })
end
