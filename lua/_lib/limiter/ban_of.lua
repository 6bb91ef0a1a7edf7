-- `ban_of(how)`: when the argument `how` of charge.lua has a ban, its module and object; else nil.
-- @lazy limiter/banning
local BAN = string.byte('b')
local banning, bans = nil, {}

local function ban_of(how)
  if string.byte(how) ~= BAN then
    return nil
  end
  banning = banning or load_banning()
  bans[how] = bans[how] or banning.open(how)
  return banning, bans[how]
end
