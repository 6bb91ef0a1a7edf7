--- Erase a removed member's name from the remembered increments, then the mark of its removal.
--
-- An id that counted stays known and cannot be undone; the member in its record becomes a dash. A process may die between any
-- two steps: the mark stays, and says of the rest that it cannot be undone. A step reads at most 128 ids.
-- @batch 1
-- @full runs         what it writes is shorter than what was there
-- @include earlier
-- @include typed
-- @shared keys keys  the remembered ids, and their log
-- @item arg member   member
-- @item arg from     where to read on from, - for the begin
-- @returns string|null where to go on, or null when nothing of it is left

local STEP = 128

-- The fields of the ids whose records name a member in increments before its removal.
local function naming(ids, member, fields, mark)
  local found = {}
  for at, record in ipairs(redis.call('HMGET', ids, unpack(fields))) do
    local place, of = string.match(record or '', '^(%d+%-%d+) %S+ %S+ (.*)$')
    if of == member and earlier(place, mark) then
      found[#found + 1] = fields[at]
      found[#found + 1] = place .. ' - - -'
    end
  end
  return found
end

local function item(member, from)
  local ids, idlog = keys[1], keys[2]
  local wrong = typed(ids, 'hash') or typed(idlog, 'stream')
  if wrong then
    return wrong
  end
  local removal = 'x' .. member
  local mark = redis.call('HGET', ids, removal)
  if not mark then
    return nil
  end
  if not string.match(mark, '^%d+%-%d+$') then
    -- A foreign program put it there.
    redis.call('HDEL', ids, removal)
    return nil
  end
  local page = redis.pcall('XRANGE', idlog, from, mark, 'COUNT', STEP)
  if page.err then
    return page
  end
  local fields, removals = {}, {}
  for _, entry in ipairs(page) do
    local field = entry[2][2]
    if field == removal then
      removals[#removals + 1] = entry[1]
    else
      fields[#fields + 1] = field
    end
  end
  local erased = #fields > 0 and naming(ids, member, fields, mark) or {}
  if #erased > 0 then
    redis.call('HSET', ids, unpack(erased))
  end
  local last = #page == STEP and page[STEP][1]
  if last == mark then
    last = nil
  end
  if not last then
    redis.call('HDEL', ids, removal)
  end
  if #removals > 0 then
    redis.call('XDEL', idlog, unpack(removals))
  end
  return last and '(' .. last
end
