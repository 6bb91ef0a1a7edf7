--- Append an entry, and trim the oldest ones that every group has finished.
--
-- Trimming starts when 64 entries more than `keep` are there and takes at most 64, so that it costs little and
-- rarely. It stops at the first entry that some group was not given or did not finish: a stalled group makes
-- the stream grow, it loses nothing.
-- @batch 128
-- @include earlier
-- @shared keep     entries to keep
-- @shared groups   declared groups, separated by spaces
-- @item key stream stream
-- @item arg payload JSON text
-- @returns string  the entry's id

local STEP = 64

-- The id before which every group has finished; nil when there is no group.
local function finished(stream)
  for group in string.gmatch(groups, '%S+') do
    -- A declared group that no worker has served yet reads from the start; BUSYGROUP is no fault.
    redis.pcall('XGROUP', 'CREATE', stream, group, '0')
  end
  local bound = nil
  for _, pairs_of in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local info = {}
    for at = 1, #pairs_of, 2 do
      info[pairs_of[at]] = pairs_of[at + 1]
    end
    local mine
    if info.pending > 0 then
      mine = redis.call('XPENDING', stream, info.name)[2]
    else
      local time, number = string.match(info['last-delivered-id'], '(%d+)-(%d+)')
      mine = time .. '-' .. string.format('%.0f', number + 1)
    end
    if not bound or earlier(mine, bound) then
      bound = mine
    end
  end
  return bound
end

local function trim(stream, length)
  local bound = finished(stream)
  if not bound then
    redis.call('XTRIM', stream, 'MAXLEN', '=', math.max(keep, length - STEP))
    return
  end
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
  if not earlier(oldest, bound) then
    return
  end
  local cut = redis.call('XRANGE', stream, '-', '+', 'COUNT', STEP + 1)[STEP + 1][1]
  if earlier(bound, cut) then
    cut = bound
  end
  redis.call('XTRIM', stream, 'MINID', '=', cut)
end

local function item(stream, payload)
  local id = redis.call('XADD', stream, '*', 'd', payload)
  local length = redis.call('XLEN', stream)
  if length > keep + STEP then
    -- The entry is there: what keeps the trim from running must not make its add fail.
    pcall(trim, stream, length)
  end
  return id
end
