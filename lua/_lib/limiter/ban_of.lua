-- `ban_of(how)`: when the argument `how` of charge.lua has a ban, its module and object; else nil, at almost no cost.
-- @lazy limiter/banning
local banning, bans

local function ban_of(how)
  -- The letter b.
  if string.byte(how) ~= 98 then
    return nil
  end
  if not banning then
    banning, bans = load_banning(), {}
  end
  bans[how] = bans[how] or banning.open(how)
  return banning, bans[how]
end
