--- Erase the name of a removed member from the log of a rolling window: its entries before the removal marker, then the marker.
--
-- Those entries do not count. A process may die between any two steps: the marker stays, and the remaining entries still do not
-- count. A step reads at most 256 entries.
-- @batch 1
-- @full runs         it only deletes
-- @include typed
-- @shared keys keys  the window's log, `gone`, and `parts` with a tolerance
-- @item arg member   member
-- @item arg from     where to continue, - for the start
-- @returns string|null where to continue, or null when the name is erased

local STEP = 256

local function item(member, from)
  local log, gone, parts = keys[1], keys[2], keys[3]
  local wrong = typed(log, 'stream') or typed(gone, 'hash') or parts and typed(parts, 'hash')
  if wrong then
    return wrong
  end
  local marker = redis.call('HGET', gone, member)
  if not marker then
    return nil
  end
  if not string.match(marker, '^%d+%-%d+$') then
    -- Another program wrote it.
    redis.call('HDEL', gone, member)
    return nil
  end
  local page = redis.pcall('XRANGE', log, from, marker, 'COUNT', STEP)
  if page.err then
    return page
  end
  local erased = {}
  for _, entry in ipairs(page) do
    if entry[2][2] == member and entry[1] ~= marker then
      erased[#erased + 1] = entry[1]
    end
  end
  local last = #page == STEP and page[STEP][1]
  if last and last ~= marker then
    if #erased > 0 then
      redis.call('XDEL', log, unpack(erased))
    end
  else
    last = nil
    redis.call('XDEL', log, marker, unpack(erased))
    redis.call('HDEL', gone, member)
  end
  if parts and #erased > 0 then
    redis.call('HDEL', parts, unpack(erased))
  end
  return last and '(' .. last
end
