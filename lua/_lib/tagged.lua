-- `tagged(…)`: an event's id, `<epoch>-<offset>-<tag>`. The tag is made of what the event says, so that a position can be
-- told from one at which a server that lost its last writes put another event.
local function tagged(id, type, json)
  return id .. '-' .. string.sub(redis.sha1hex(type .. '\n' .. json), 1, 6)
end
