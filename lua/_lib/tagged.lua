-- `tagged(…)`: an event's id as callers see it, `<epoch>-<offset>-<tag>`.
local function tagged(event)
  return event[1] .. '-' .. event[2][6]
end
