--- Read the rows around a member.
-- @batch 8
-- @readonly
-- @item key board    sorted set
-- @item arg member   member
-- @item arg each     rows before and after it, at the most
-- @returns list|null the first row's rank, then member and score of each row; null without the member

local function item(board, member, each)
  local rank = redis.call('ZREVRANK', board, member)
  if not rank then
    return nil
  end
  local start = math.max(0, rank - each)
  local reply = redis.call('ZREVRANGE', board, start, rank + each, 'WITHSCORES')
  table.insert(reply, 1, start)
  return reply
end
