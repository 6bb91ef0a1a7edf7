--- Renew the leases of a worker, which shows that it is alive. With `starting` it also records that handlers are about to be called.
--
-- Invariant: a lost lease is neither taken back nor recorded as started. The record lasts as long as the lease. The worker sends at
-- most 256 positions. The first renewal of a lease also stores when it began (started.lua), with an XCLAIM for each such time.
-- @batch 1
-- @full runs         without it the leases of a live worker end; it changes times only
-- @include now
-- @include stream/expanded
-- @include stream/pending
-- @include stream/started
-- @include typed
-- @shared keys held with order by key its places, see lua/_lib/stream/places.lua
-- @shared group    group
-- @shared consumer name of the consumer that has the leases
-- @item key stream stream, or the group's stream of ready entries
-- @item arg ids    positions, ascending, separated by spaces; of entries of a run (lua/_lib/stream/members.lua) each its own
-- @item arg places JSON list of the places of the entries of runs, in the same order; empty when there are none
-- @item arg starting 1 when the handlers are about to be called
-- @returns string  positions whose lease is lost, separated by spaces

local function item(stream, ids, places, starting)
  local wrong = typed(stream, 'stream') or places ~= '' and typed(held[1], 'hash') or nil
  if wrong then
    return wrong
  end
  local all, lost = {}, {}
  places = places ~= '' and cjson.decode(places) or {}
  local nth = 0
  for id in string.gmatch(ids, '%S+') do
    local base = string.match(id, '^(.*)/')
    if base then
      nth = nth + 1
      local value = expanded(redis.call('HGET', held[1], places[nth])) or ''
      -- It was cancelled.
      if not string.find(' ' .. value .. ' ', ' r' .. id .. ' ', 1, true) then
        lost[#lost + 1] = id
        base = nil
      end
    else
      base = id
    end
    if base and base ~= all[#all] then
      all[#all + 1] = base
    end
  end
  if not all[1] then
    return table.concat(lost, ' ')
  end
  -- By the delivery count that they get; '' for those that keep theirs.
  local marked, ms = {}, math.floor(now / 1000)
  local found = pending(stream, group, all, consumer)
  for _, id in ipairs(all) do
    local row = found[id]
    if row then
      local mark = started.mark(row, ms, starting == '1') or ''
      marked[mark] = marked[mark] or {}
      table.insert(marked[mark], id)
    else
      lost[#lost + 1] = id
    end
  end
  for mark, mine in pairs(marked) do
    if mark ~= '' then
      mine[#mine + 1] = 'RETRYCOUNT'
      mine[#mine + 1] = string.format('%.0f', mark)
    end
    mine[#mine + 1] = 'JUSTID'
    redis.call('XCLAIM', stream, group, consumer, 0, unpack(mine))
  end
  return table.concat(lost, ' ')
end
