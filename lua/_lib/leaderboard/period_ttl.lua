-- `period_ttl(window)`: gives the keys of a calendar window their TTL, if its sorted set has none: until the period need not be readable
-- any more. `window`: see leaderboard/board.lua. Returns whether the set exists.
-- @include now
local function period_ttl(window)
  local left = redis.call('PTTL', window.z)
  if left == -1 then
    local life = math.ceil((window.lives - now) / 1000)
    redis.call('PEXPIRE', window.z, life)
    if window.d then
      redis.call('PEXPIRE', window.d, life)
    end
  end
  return left ~= -2
end
