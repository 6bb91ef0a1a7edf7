--- Erase a removed member's name from the log of a rolling window: its entries before the mark of its removal, then the mark.
--
-- Those entries count nothing, so that a process may die between any two steps: the mark stays, and says it of the rest.
-- A step reads at most 256 entries.
-- @batch 1
-- @full runs         it only deletes
-- @include typed
-- @shared keys keys  the window's log, `gone`, and `parts` where it has them
-- @item arg member   member
-- @item arg from     where to read on from, - for the begin
-- @returns string|null where to go on, or null when nothing of it is left

local STEP = 256

local function item(member, from)
  local log, gone, parts = keys[1], keys[2], keys[3]
  local wrong = typed(log, 'stream') or typed(gone, 'hash') or parts and typed(parts, 'hash')
  if wrong then
    return wrong
  end
  local mark = redis.call('HGET', gone, member)
  if not mark then
    return nil
  end
  if not string.match(mark, '^%d+%-%d+$') then
    -- A foreign program put it there.
    redis.call('HDEL', gone, member)
    return nil
  end
  local page = redis.pcall('XRANGE', log, from, mark, 'COUNT', STEP)
  if page.err then
    return page
  end
  local erased = {}
  for _, entry in ipairs(page) do
    if entry[2][2] == member and entry[1] ~= mark then
      erased[#erased + 1] = entry[1]
    end
  end
  local last = #page == STEP and page[STEP][1]
  if last and last ~= mark then
    if #erased > 0 then
      redis.call('XDEL', log, unpack(erased))
    end
  else
    last = nil
    redis.call('XDEL', log, mark, unpack(erased))
    redis.call('HDEL', gone, member)
  end
  if parts and #erased > 0 then
    redis.call('HDEL', parts, unpack(erased))
  end
  return last and '(' .. last
end
