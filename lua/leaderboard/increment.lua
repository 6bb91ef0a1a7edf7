--- Add to a member's score on a board that is a single sorted set.
-- @batch 64
-- @full refused      it may add a member
-- @shared keys keys the board's sorted set
-- @item arg member  member
-- @item arg by      number to add to the sort value
-- @returns string   the new sort value

-- A smaller number added to any finite double gives a finite double: this is half the gap between the two largest.
local HARMLESS = 2 ^ 970

local function item(member, by)
  if math.abs(by) >= HARMLESS then
    local score = redis.pcall('ZSCORE', keys[1], member) or 0
    if type(score) == 'table' then
      return score
    end
    local sum = score + by
    if math.abs(sum) == math.huge then
      return redis.error_reply('ERR the new score of ' .. member .. ' would be too large')
    end
  end
  return redis.pcall('ZINCRBY', keys[1], by, member)
end
